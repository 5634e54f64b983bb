import { ArchiveStand } from '../../test/support/archive-stand.ts';
import { measureCallCost } from './call-cost.ts';
import { PgBackRest } from './pgbackrest.ts';
import { type Pusher, type PushRun, PushStand } from './push-stand.ts';
import { barRow, type CaseResult, median, type Row } from './summary.ts';

const segments = 60;
const warmUpSegments = 90;
const singleSegments = 7;
const rounds = 3;

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

type Pushers<K extends string> = Record<K, Pusher>;
type Part = Required<CaseResult>;

async function measureBacklogs(bench: PushStand, pushers: Pushers<'ours' | 'ssh' | 'ssh4' | 'tls'>): Promise<Part> {
  const runs = await inTurn(pushers, async (pusher) => {
    const run = await bench.backlog(pusher, segments, warmUpSegments);
    console.error(`backlog, ${pusher.label}: ${run.seconds.toFixed(2)} s, ${run.cpuPerSegmentMs.toFixed(0)} ms of CPU`);
    return run;
  });
  const seconds = (of: PushRun[]) => median(of.map((run) => run.seconds));
  const cpuMs = (of: PushRun[]) => median(of.map((run) => run.cpuPerSegmentMs));
  const bars = Object.entries(pushers).map(([key, { label }]) => ({
    label,
    value: segments / seconds(runs[key as keyof typeof runs]),
  }));
  const rows: Row[] = Object.entries(pushers).map(([key, { label }]) => {
    const of = runs[key as keyof typeof runs];
    const rate = segments / seconds(of);
    return [`backlog of ${segments}: ${label}`, `${rate.toFixed(1)}/s, ${cpuMs(of).toFixed(0)} ms of CPU each`];
  });
  const { ours, ssh, ssh4, tls } = runs;
  const bestSsh = Math.min(seconds(ssh), seconds(ssh4));
  rows.push(
    barRow('  times pgBackRest over SSH', { ratio: bestSsh / seconds(ours), atLeast: 3 }),
    barRow('  times pgBackRest over TLS', { ratio: seconds(tls) / seconds(ours), atLeast: 1.4 }),
    barRow('  CPU beside pgBackRest over TLS', { ratio: cpuMs(ours) / cpuMs(tls), atMost: 0.8 }),
  );
  return { rows, charts: [{ title: `A backlog of ${segments} segments to two hosts`, unit: 'segments/s', bars }] };
}

async function measureSingles(bench: PushStand, pushers: Pushers<'ours' | 'ssh' | 'tls' | 'nothing'>): Promise<Part> {
  const runs = await inTurn(pushers, async (pusher) => median(await bench.singles(pusher, singleSegments)));
  const idle = median(runs.nothing);
  const ms = (of: number[]) => median(of) - idle;
  const peers = { ours: pushers.ours, ssh: pushers.ssh, tls: pushers.tls };
  const bars = Object.entries(peers).map(([key, { label }]) => ({ label, value: ms(runs[key as keyof typeof peers]) }));
  const rows: Row[] = bars.map(({ label, value }) => [`one segment, quiet system: ${label}`, `${value.toFixed(0)} ms`]);
  rows.push(
    barRow('  beside pgBackRest over SSH', { ratio: ms(runs.ours) / ms(runs.ssh), atMost: 0.1 }),
    barRow('  beside pgBackRest over TLS', { ratio: ms(runs.ours) / ms(runs.tls), atMost: 0.7 }),
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

/** Each round measures all of them, so that a change in the machine's speed meets them all. */
async function inTurn<K extends string, T>(
  pushers: Pushers<K>,
  measure: (pusher: Pusher) => Promise<T>,
): Promise<Record<K, T[]>> {
  const keys = Object.keys(pushers) as K[];
  const runs = Object.fromEntries(keys.map((key) => [key, [] as T[]])) as Record<K, T[]>;
  for (let round = 1; round <= rounds; round++) {
    for (const key of keys) runs[key].push(await measure(pushers[key]));
  }
  return runs;
}
