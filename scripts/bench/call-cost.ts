import { readFileSync } from 'node:fs';
import type { ArchiveStand } from '../../test/support/archive-stand.ts';
import type { PostgresCluster } from '../../test/support/postgres-cluster.ts';
import { BIN_DIRECTORY, REPOSITORY_ROOT } from '../../test/support/repository.ts';
import { cpuMs, enteringMs, entry } from './enter.ts';
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
  const enter = await entry(cluster.machine, cluster.dataDirectory);
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
  const taken = enteringMs(enter);
  const oursMs: number[] = [];
  const peerMs: number[] = [];
  for (let call = 0; call < calls; call++) {
    oursMs.push(cpuMs([...enter, ...ours]) - taken);
    peerMs.push(cpuMs([...enter, ...peer]) - taken);
  }
  const ratios = oursMs.map((value, index) => value / (peerMs[index] ?? Number.NaN));
  return { oursMs: median(oursMs), peerMs: median(peerMs), ratio: median(ratios), calls };
}
