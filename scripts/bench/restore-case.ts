import { ArchiveStand } from '../../test/support/archive-stand.ts';
import { inTurn } from './in-turn.ts';
import { measureRecovery } from './recovery.ts';
import { measureFeeding, measureHeldCalls, measureMissing } from './restore-calls.ts';
import { RestoreStand, type Source } from './restore-stand.ts';
import { barRow, type CaseResult, type Chart, median, type Row } from './summary.ts';

const segments = 60;
/** So many that each of four, and of three, is behind each other one equally often. */
const feedingRounds = 4;
const recoveryRounds = 6;
const missingCalls = 20;

/** What restore_command delivers: fed by calls alone, in a real recovery, and when there is nothing; beside the peers, in turn. */
export async function measureRestore(): Promise<CaseResult> {
  await using stand = await ArchiveStand.create();
  const bench = await RestoreStand.create(stand, segments);
  const { ours, ssh, tls, cp } = bench.sources;
  const feeding = await medians(
    [ours, ssh, tls, cp],
    feedingRounds,
    (source) => measureFeeding(bench, source),
    'feeding',
  );
  const recovery = await medians(
    [ours, cp, tls],
    recoveryRounds,
    (source) => measureRecovery(bench, source),
    'recovery',
  );
  const held = await measureHeldCalls(bench);
  const rows: Row[] = [];
  for (const [source, ms] of feeding) {
    const value = `${((segments * 1000) / ms).toFixed(1)} segments/s`;
    rows.push([`${segments} segments by calls one after another: ${source.label}`, value]);
  }
  const faster = (peer: Source) => of(feeding, peer) / of(feeding, ours);
  rows.push(barRow('  times pgBackRest over SSH', { ratio: faster(ssh), atLeast: 2.5 }));
  rows.push(barRow('  times pgBackRest over TLS', { ratio: faster(tls), atLeast: 1.2 }));
  for (const [source, ms] of recovery) {
    rows.push([`recovery of ${segments} segments: ${source.label}`, `${(ms / 1000).toFixed(2)} s`]);
  }
  rows.push(barRow('  restore_cmd beside cp', { ratio: of(recovery, ours) / of(recovery, cp), atMost: 1.1 }));
  for (const source of [ours, tls, ssh]) {
    const ms = await measureMissing(bench, source, missingCalls);
    rows.push([`a missing segment: ${source.label}`, `${ms.toFixed(1)} ms`]);
    if (source === ours) rows.push(barRow('  in milliseconds', { ratio: ms, atMost: 10 }));
  }
  rows.push(['CPU of a call, segment in the buffer', `${held.oursMs.toFixed(2)} ms`]);
  rows.push(['  pgbackrest version, in turn with it', `${held.peerMs.toFixed(2)} ms`]);
  rows.push(barRow('  ratio of neighbouring calls', { ratio: held.ratio, atMost: 0.8 }));
  const rates = [...feeding].map(([{ label }, ms]) => ({ label, value: (segments * 1000) / ms }));
  const seconds = [...recovery].map(([{ label }, ms]) => ({ label, value: ms / 1000 }));
  const charts: Chart[] = [
    { title: `${segments} segments by calls one after another`, unit: 'segments/s', bars: rates },
    { title: `Recovery of ${segments} segments`, unit: 's', bars: seconds },
  ];
  return { rows, charts };
}

/**
 * Medians of the rounds, in milliseconds. Each is measured after a run of its own that does not count: it has its memory from the files that
 * the run before it left, and those of another source, written in pieces of another size, serve it better or worse.
 */
async function medians(
  sources: readonly Source[],
  rounds: number,
  measure: (source: Source) => Promise<number>,
  what: string,
): Promise<Map<Source, number>> {
  const times = await inTurn(sources, rounds, async (source, round) => {
    await measure(source);
    const ms = await measure(source);
    console.error(`${what}, round ${round}, ${source.label}: ${(ms / 1000).toFixed(2)} s`);
    return ms;
  });
  return new Map([...times].map(([source, values]) => [source, median(values)]));
}

function of(medians: ReadonlyMap<Source, number>, source: Source): number {
  return medians.get(source) ?? Number.NaN;
}
