import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import type { ArchiveStand } from '../../test/support/archive-stand.ts';
import type { Machine } from '../../test/support/machine.ts';
import type { PostgresCluster } from '../../test/support/postgres-cluster.ts';
import { waitFor } from '../../test/support/wait-for.ts';

export interface BacklogRun {
  segments: number;
  seconds: number;
  /** What the compressed segments come to on one host, in bytes. */
  storedBytes: number;
  /** CPU of everything on the three machines but PostgreSQL's own servers, per segment, in milliseconds. */
  cpuPerSegmentMs: number;
}

/**
 * Lets real WAL pile up with archiving off, then switches archive_command on and measures until PostgreSQL has no segment left
 * that waits. `segments` is a lower bound.
 */
export async function measureBacklog(
  stand: ArchiveStand,
  cluster: PostgresCluster,
  segments: number,
): Promise<BacklogRun> {
  cluster.configure({ archive_command: '' });
  await cluster.reload();
  while (ready(cluster) < segments) {
    await cluster.sql('SELECT pg_switch_wal()');
    await cluster.machine.check(
      ['pgbench', '-h', '/run/postgresql', '-p', String(cluster.port), '-i', '-q', '-s', '20', 'postgres'],
      { timeoutMs: 300_000 },
    );
  }
  await cluster.sql('CHECKPOINT', { timeoutMs: 120_000 });
  const count = ready(cluster);
  const storedBefore = storedBytes(stand);
  const machines = [stand.primary, stand.arch1.machine, stand.arch2.machine];
  const cpuBefore = cpuMs(machines);
  const startedMs = performance.now();
  await cluster.setArchiveCommand(stand.archiveCommand());
  await waitFor(() => ready(cluster) === 0, { what: 'the backlog to be archived', timeoutMs: 300_000, intervalMs: 2 });
  const seconds = (performance.now() - startedMs) / 1000;
  const { failedCount } = await cluster.archiverStats();
  if (failedCount > 0) throw new Error(`${failedCount} calls of archive_command failed: this measured something else`);
  return {
    segments: count,
    seconds,
    storedBytes: storedBytes(stand) - storedBefore,
    cpuPerSegmentMs: (cpuMs(machines) - cpuBefore) / count,
  };
}

function ready(cluster: PostgresCluster): number {
  const status = cluster.machine.path(`${cluster.dataDirectory}/pg_wal/archive_status`);
  return readdirSync(status).filter((name) => name.endsWith('.ready')).length;
}

function storedBytes(stand: ArchiveStand): number {
  const directory = stand.arch1.machine.path(stand.walDirectory);
  return readdirSync(directory).reduce((sum, name) => sum + statSync(`${directory}/${name}`).size, 0);
}

const clockTicksPerSecond = 100;

/** CPU so far of the machines' living processes and their ended children, PostgreSQL's servers left out but the archiver's calls. */
function cpuMs(machines: readonly Machine[]): number {
  let ticks = 0;
  for (const machine of machines) {
    for (const { pid, commandLine } of machine.processes()) {
      const path = `/proc/${pid}/stat`;
      if (!existsSync(path)) continue;
      const fields = readFileSync(path, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ');
      const isArchiver = /postgres: .*archiver/.test(commandLine);
      const isPostgres = /postgres/.test(commandLine) && !/archive/.test(commandLine);
      // utime, stime of the process; cutime, cstime of its children (the calls, for the archiver; the sessions, for sshd).
      if (!isPostgres || isArchiver) ticks += Number(fields[11]) + Number(fields[12]);
      if (isArchiver) ticks += Number(fields[13]) + Number(fields[14]);
    }
  }
  return (ticks * 1000) / clockTicksPerSecond;
}
