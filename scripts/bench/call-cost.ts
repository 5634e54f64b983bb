import { readFileSync } from 'node:fs';
import { spawnSync } from 'bun';
import type { ArchiveStand } from '../../test/support/archive-stand.ts';
import type { PostgresCluster } from '../../test/support/postgres-cluster.ts';
import { BIN_DIRECTORY, REPOSITORY_ROOT } from '../../test/support/repository.ts';
import { median } from './summary.ts';

export interface CallCost {
  /** CPU of one call, user and system, in milliseconds: median. */
  oursMs: number;
  peerMs: number;
  /** Median of the ratios of neighbouring calls. */
  ratio: number;
  calls: number;
}

const calls = 200;

/**
 * CPU of a call for a file that is shipped already, beside `pgbackrest version`, which does nothing: one after the other, so that
 * a change in the machine's speed meets both. The calls run inside the primary, in the data directory, as PostgreSQL makes them.
 */
export async function measureCallCost(stand: ArchiveStand, cluster: PostgresCluster): Promise<CallCost> {
  const name = await cluster.lastArchived();
  const enter = entry(cluster);
  const ours = [
    `${BIN_DIRECTORY}/archive_cmd`,
    'arch1 arch2',
    stand.walDirectory,
    `pg_wal/${name}`,
    name,
    stand.cluster,
  ];
  const peer = ['pgbackrest', 'version'];
  // Both programs whole in the page cache, as on a machine that has run them for a while.
  for (const program of [`${REPOSITORY_ROOT}/bin/archive2`, '/usr/bin/pgbackrest']) readFileSync(program);
  const enteringMs = median(repeat(50, () => cpuMs([...enter, '/bin/true']) - cpuMs(['/bin/true'])));
  const oursMs: number[] = [];
  const peerMs: number[] = [];
  for (let call = 0; call < calls; call++) {
    oursMs.push(cpuMs([...enter, ...ours]) - enteringMs);
    peerMs.push(cpuMs([...enter, ...peer]) - enteringMs);
  }
  const ratios = oursMs.map((value, index) => value / (peerMs[index] ?? Number.NaN));
  return { oursMs: median(oursMs), peerMs: median(peerMs), ratio: median(ratios), calls };
}

/** The words that put a command into the machine: what they cost, without the command, is measured and taken off. */
function entry(cluster: PostgresCluster): string[] {
  const outside = cluster.postmasterPid();
  const user = ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups'];
  return ['nsenter', '-t', String(outside), '-m', '-n', '-p', `--wd=/proc/${outside}/cwd`, ...user];
}

function repeat<T>(count: number, work: () => T): T[] {
  return Array.from({ length: count }, work);
}

function cpuMs(argv: string[]): number {
  const run = spawnSync(argv, { stdout: 'ignore', stderr: 'pipe' });
  if (run.exitCode !== 0) throw new Error(`${argv.join(' ')} ended with ${run.exitCode}: ${run.stderr.toString()}`);
  return Number(run.resourceUsage.cpuTime.total) / 1000;
}
