import { ArchiveStand } from '../../test/support/archive-stand.ts';
import { measureCallCost } from './call-cost.ts';
import { inTurn } from './in-turn.ts';
import { PgBackRest } from './pgbackrest.ts';
import { type Pusher, type PushRun, PushStand } from './push-stand.ts';
import { barRow, type CaseResult, median, type Row } from './summary.ts';

const segments = 60;
const warmUpSegments = 90;
const singleSegments = 7;
const rounds = 4;

/** WAL to two hosts, durable on both, through the real archiver: a backlog, single segments, and what a call costs; beside the peer. */
export async function measurePush(): Promise<CaseResult> {
  await using stand = await ArchiveStand.create();
  const bench = await PushStand.create(stand, segments + warmUpSegments);
  const peer = await PgBackRest.create(stand, bench.primary);
  const ours = bench.ours(undefined, '--min-copies=2');
  const backlog = await measureBacklogs(bench, {
    ours,
    ssh: peer.pusher('ssh-default', 'pgBackRest, asynchronous, SSH, process-max 2'),
    ssh4: peer.pusher('ssh-4', 'pgBackRest, asynchronous, SSH, process-max 4'),
    tls: peer.pusher('tls', 'pgBackRest, asynchronous, TLS, process-max 2, level 1'),
  });
  const single = await measureSingles(bench, {
    ours,
    ssh: peer.pusher('ssh-sync', 'pgBackRest, synchronous, SSH'),
    tls: peer.pusher('tls-sync', 'pgBackRest, synchronous, TLS'),
    nothing: { label: '/bin/true', archiveCommand: '/bin/true', reset: async () => undefined },
  });
  const calls = await callRows(bench, peer, ours);
  return { rows: [...backlog.rows, ...single.rows, ...calls], charts: [...backlog.charts, ...single.charts] };
}

type Part = Required<CaseResult>;

async function measureBacklogs(
  bench: PushStand,
  pushers: Record<'ours' | 'ssh' | 'ssh4' | 'tls', Pusher>,
): Promise<Part> {
  const { ours, ssh, ssh4, tls } = pushers;
  const runs = await inTurn([ours, ssh, ssh4, tls], rounds, async (pusher) => {
    const run = await bench.backlog(pusher, segments, warmUpSegments);
    console.error(`backlog, ${pusher.label}: ${run.seconds.toFixed(2)} s, ${run.cpuPerSegmentMs.toFixed(0)} ms of CPU`);
    return run;
  });
  const medianOf = (pusher: Pusher, of: (run: PushRun) => number) => median((runs.get(pusher) ?? []).map(of));
  const seconds = (pusher: Pusher) => medianOf(pusher, (run) => run.seconds);
  const cpuMs = (pusher: Pusher) => medianOf(pusher, (run) => run.cpuPerSegmentMs);
  const bars = [...runs.keys()].map((pusher) => ({ label: pusher.label, value: segments / seconds(pusher) }));
  const rows: Row[] = [...runs.keys()].map((pusher) => [
    `backlog of ${segments}: ${pusher.label}`,
    `${(segments / seconds(pusher)).toFixed(1)}/s, ${cpuMs(pusher).toFixed(0)} ms of CPU each`,
  ]);
  const bestSsh = Math.min(seconds(ssh), seconds(ssh4));
  rows.push(
    barRow('  times pgBackRest over SSH', { ratio: bestSsh / seconds(ours), atLeast: 3 }),
    barRow('  times pgBackRest over TLS', { ratio: seconds(tls) / seconds(ours), atLeast: 1.4 }),
    barRow('  CPU beside pgBackRest over TLS', { ratio: cpuMs(ours) / cpuMs(tls), atMost: 0.8 }),
  );
  return { rows, charts: [{ title: `A backlog of ${segments} segments to two hosts`, unit: 'segments/s', bars }] };
}

async function measureSingles(
  bench: PushStand,
  pushers: Record<'ours' | 'ssh' | 'tls' | 'nothing', Pusher>,
): Promise<Part> {
  const { ours, ssh, tls, nothing } = pushers;
  const runs = await inTurn([ours, ssh, tls, nothing], rounds, async (pusher) =>
    median(await bench.singles(pusher, singleSegments)),
  );
  const idleMs = median(runs.get(nothing) ?? []);
  const ms = (pusher: Pusher) => median(runs.get(pusher) ?? []) - idleMs;
  const bars = [ours, ssh, tls].map((pusher) => ({ label: pusher.label, value: ms(pusher) }));
  const rows: Row[] = bars.map(({ label, value }) => [`one segment, quiet system: ${label}`, `${value.toFixed(0)} ms`]);
  rows.push(
    barRow('  beside pgBackRest over SSH', { ratio: ms(ours) / ms(ssh), atMost: 0.1 }),
    barRow('  beside pgBackRest over TLS', { ratio: ms(ours) / ms(tls), atMost: 0.7 }),
  );
  return { rows, charts: [{ title: 'One segment, durable on two hosts', unit: 'ms', bars }] };
}

async function callRows(bench: PushStand, peer: PgBackRest, ours: Pusher): Promise<Row[]> {
  await bench.singles(ours, 1);
  // The peer archives only what waits.
  await bench.pause();
  bench.markReady(bench.segments.slice(0, 1));
  const cost = await measureCallCost(bench, peer);
  return [
    [`CPU of a call, file shipped already (median of ${cost.calls})`, `${cost.oursMs.toFixed(2)} ms`],
    ['  pgbackrest version, in turn with it', `${cost.versionMs.toFixed(2)} ms`],
    ['  pgbackrest archive-push of a file that is shipped, in turn with it', `${cost.pushMs.toFixed(2)} ms`],
    barRow('  beside pgbackrest version, neighbouring calls', { ratio: cost.besideVersion, atMost: 0.8 }),
    barRow('  beside pgbackrest archive-push, neighbouring calls', { ratio: cost.besidePush, atMost: 0.7 }),
  ];
}
