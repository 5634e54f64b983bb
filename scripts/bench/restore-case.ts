import { ArchiveStand } from '../../test/support/archive-stand.ts';
import { measureRecovery } from './recovery.ts';
import { measureFeeding, measureHeldCalls, measureMissing } from './restore-calls.ts';
import { RestoreStand, type Source } from './restore-stand.ts';
import { median, type Row } from './summary.ts';

const segments = 60;
const rounds = 3;
const missingCalls = 20;

/** What restore_command delivers: fed by calls alone, in a real recovery, and when there is nothing; beside the peers, in turn. */
export async function measureRestore(): Promise<Row[]> {
  await using stand = await ArchiveStand.create();
  const bench = await RestoreStand.create(stand, segments);
  const { ours, ssh, tls, cp } = bench.sources;
  const feeding = await inTurn([ours, ssh, tls, cp], (source) => measureFeeding(bench, source), 'feeding');
  const recovery = await inTurn([ours, cp, tls], (source) => measureRecovery(bench, source), 'recovery');
  const held = await measureHeldCalls(bench);
  const rows: Row[] = [];
  for (const [source, ms] of feeding) {
    const value = `${((segments * 1000) / ms).toFixed(1)} segments/s`;
    rows.push([`${segments} segments by calls one after another: ${source.label}`, value]);
  }
  const faster = (peer: Source) => (of(feeding, peer) / of(feeding, ours)).toFixed(2);
  rows.push(['  times pgBackRest over SSH', `${faster(ssh)} (bar: 2.5 or more)`]);
  rows.push(['  times pgBackRest over TLS', `${faster(tls)} (bar: 1.2 or more)`]);
  for (const [source, ms] of recovery) {
    rows.push([`recovery of ${segments} segments: ${source.label}`, `${(ms / 1000).toFixed(2)} s`]);
  }
  rows.push([
    '  restore_cmd beside cp',
    `${(of(recovery, ours) / of(recovery, cp)).toFixed(2)} times (bar: 1.1 or less)`,
  ]);
  for (const source of [ours, tls, ssh]) {
    const ms = await measureMissing(bench, source, missingCalls);
    rows.push([`a missing segment: ${source.label}`, `${ms.toFixed(1)} ms`]);
  }
  rows.push(['CPU of a call, segment in the buffer', `${held.oursMs.toFixed(2)} ms`]);
  rows.push(['  pgbackrest version, in turn with it', `${held.peerMs.toFixed(2)} ms`]);
  rows.push(['  ratio of neighbouring calls', `${held.ratio.toFixed(2)} (bar: 0.8 or less)`]);
  return rows;
}

/** Medians of the rounds, in milliseconds; each round measures every source, so that a change in speed meets them all. */
async function inTurn(
  sources: readonly Source[],
  measure: (source: Source) => Promise<number>,
  what: string,
): Promise<Map<Source, number>> {
  const times = new Map<Source, number[]>(sources.map((source) => [source, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const source of sources) {
      const ms = await measure(source);
      console.error(`${what}, round ${round}, ${source.label}: ${(ms / 1000).toFixed(2)} s`);
      times.get(source)?.push(ms);
    }
  }
  return new Map([...times].map(([source, values]) => [source, median(values)]));
}

function of(medians: ReadonlyMap<Source, number>, source: Source): number {
  return medians.get(source) ?? Number.NaN;
}
