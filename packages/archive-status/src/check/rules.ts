import type { Rule } from './rule.ts';
import { backup, coverage, drill, dump, queue, running } from './rules/backup-rules.ts';
import { agent, archive, clock, cooldown, disk, diskTrend, hosts, identity } from './rules/host-rules.ts';
import { archiver, pgWal, primary, servers } from './rules/server-rules.ts';
import { copies, debts, holes, sync, wal } from './rules/wal-rules.ts';

/** In the order in which they are documented, and told where they are equally bad. */
export const rules: readonly Rule[] = [
  hosts,
  servers,
  primary,
  identity,
  archiver,
  wal,
  copies,
  debts,
  holes,
  backup,
  coverage,
  dump,
  running,
  queue,
  drill,
  disk,
  diskTrend,
  pgWal,
  archive,
  sync,
  cooldown,
  agent,
  clock,
];
