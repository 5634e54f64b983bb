import { ArchiveStand } from '../../test/support/archive-stand.ts';
import { peakBytesOf } from '../../test/support/peak-memory.ts';
import { inTurn } from './in-turn.ts';
import { PushStand } from './push-stand.ts';
import { barRow, type CaseResult, median, type Row } from './summary.ts';

const backlogs = [1, 10, 100, 1000];
const rounds = 4;
/** Sizes in MiB, and how many segments of each. */
const sizes = [
  { sizeMb: 16, count: 60 },
  { sizeMb: 64, count: 16 },
  { sizeMb: 1024, count: 2 },
];
const memoryBar = 200;

/** How archiving goes on when there is more of it: longer backlogs, larger segments, and the agent's memory. */
export async function measureGrowth(): Promise<CaseResult> {
  const memory: Row[] = [];
  for (const { sizeMb, count } of sizes) memory.push(...(await measureSize(sizeMb, count)));
  const { rows, charts } = await measureBacklogs();
  return { rows: [...rows, ...memory], charts };
}

async function measureBacklogs(): Promise<Required<CaseResult>> {
  await using stand = await ArchiveStand.create();
  const longest = Math.max(...backlogs);
  const bench = await PushStand.create(stand, longest);
  const rates = await inTurn(backlogs, rounds, async (count, round) => {
    const { seconds } = await bench.backlog(bench.ours(), count);
    console.error(`growth, round ${round}, ${count} segments: ${seconds.toFixed(2)} s`);
    return count / seconds;
  });
  const rate = (count: number) => median(rates.get(count) ?? []);
  const rows: Row[] = backlogs.map((count) => [`backlog of ${count}`, `${rate(count).toFixed(1)}/s`]);
  const ratios = (rates.get(longest) ?? []).map((value, round) => value / (rates.get(100)?.[round] ?? Number.NaN));
  rows.push(barRow(`  rate with ${longest} beside 100, in the same round`, { ratio: median(ratios), atLeast: 0.85 }));
  const bars = backlogs.map((count) => ({ label: `${count} segments`, value: rate(count) }));
  return { rows, charts: [{ title: 'archive_cmd, longer and longer backlogs', unit: 'segments/s', bars }] };
}

async function measureSize(sizeMb: number, count: number): Promise<Row[]> {
  await using stand = await ArchiveStand.create();
  const bench = await PushStand.create(stand, count, sizeMb);
  const { seconds } = await bench.backlog(bench.ours(), count);
  const agent = stand.primary.processes(/archive_cmd agent run/)[0];
  if (agent === undefined) throw new Error('there is no agent');
  const megabytes = peakBytesOf(agent.pid) / 1e6;
  console.error(`segments of ${sizeMb} MB: ${seconds.toFixed(2)} s, ${megabytes.toFixed(0)} MB`);
  const rate = (count * sizeMb) / seconds;
  return [
    [`segments of ${sizeMb} MB, backlog of ${count}`, `${rate.toFixed(0)} MB/s`],
    barRow("  the agent's memory at its peak, in MB", { ratio: megabytes, atMost: memoryBar }),
  ];
}
