import { ArchiveStand } from '../../test/support/archive-stand.ts';
import { PostgresCluster } from '../../test/support/postgres-cluster.ts';
import { type BacklogRun, measureBacklog } from './backlog.ts';
import { measureCallCost } from './call-cost.ts';
import { median, type Row } from './summary.ts';

const backlogSegments = 60;
const rounds = 3;
/** The bar for a call's CPU beside `pgbackrest version`. */
const callBar = 0.8;

/** A backlog to two hosts through the real archiver, and what one call costs. */
export async function measurePush(): Promise<Row[]> {
  await using stand = await ArchiveStand.create();
  const cluster = await PostgresCluster.init(stand.primary, {
    walSegmentSizeMb: 16,
    settings: { max_wal_size: '8GB', shared_buffers: '256MB', wal_keep_size: '0' },
  });
  await cluster.start();
  const runs: BacklogRun[] = [];
  for (let round = 1; round <= rounds; round++) {
    const run = await measureBacklog(stand, cluster, backlogSegments);
    console.error(`round ${round}: ${run.segments} segments in ${run.seconds.toFixed(2)} s`);
    runs.push(run);
  }
  const cost = await measureCallCost(stand, cluster);
  const rate = median(runs.map((run) => run.segments / run.seconds));
  const cpu = median(runs.map((run) => run.cpuPerSegmentMs));
  const stored = median(runs.map((run) => run.storedBytes / run.segments));
  return [
    [
      `backlog of ${backlogSegments} and more 16 MB segments, two hosts, real archiver`,
      `${rate.toFixed(1)} segments/s`,
    ],
    ['  CPU of all three machines', `${cpu.toFixed(0)} ms per segment`],
    ['  stored', `${(stored / 1024 / 1024).toFixed(1)} MiB per segment`],
    [`CPU of a call, file shipped already (median of ${cost.calls})`, `${cost.oursMs.toFixed(2)} ms`],
    ['  pgbackrest version, in turn with it', `${cost.peerMs.toFixed(2)} ms`],
    ['  ratio of neighbouring calls', `${cost.ratio.toFixed(2)} (bar: ${callBar} or less)`],
  ];
}
