import { rmSync } from 'node:fs';
import { spawnSync } from 'bun';
import { BIN_DIRECTORY } from '../../test/support/repository.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { cpuMs, enteringMs, entry } from './enter.ts';
import type { RestoreStand, Source } from './restore-stand.ts';
import { median } from './summary.ts';

/** Where PostgreSQL tells restore_command to put a segment. */
const TARGET = 'pg_wal/RECOVERYXLOG';

/** Calls as PostgreSQL makes them, from pairs of a segment's name and a command: what a call brought then gets the segment's name. */
const callAll = `
  while (my ($name, $command) = splice @ARGV, 0, 2) {
    system('/bin/sh', '-c', $command) == 0 or die "$command: status $?";
    rename '${TARGET}', "pg_wal/$name" or die "$name: $!";
  }`;

/**
 * Milliseconds to feed all segments by calls one after another, from a cold start, as recovery makes them but with nothing replayed in
 * between: the rate at which a source can deliver.
 */
export async function measureFeeding(bench: RestoreStand, source: Source): Promise<number> {
  const copy = await bench.copy(source);
  const calls = bench.segments.flatMap((name) => [name, callLine(source, name)]);
  await bench.prepare(source);
  const startedMs = performance.now();
  await bench.restorer.check(['perl', '-e', callAll, '--', ...calls], { cwd: copy.dataDirectory, timeoutMs: 300_000 });
  return performance.now() - startedMs;
}

/** Milliseconds of one call for a segment that no host has, made as a standby makes it when it waits for WAL: median. */
export async function measureMissing(bench: RestoreStand, source: Source, calls: number): Promise<number> {
  const copy = await bench.copy(source, { standby: true });
  await bench.prepare(source);
  const missing = `${bench.segments[0]?.slice(0, 8)}0000FFFF000000FE`;
  const script = (name: string) => `${callLine(source, name)} && exit 1 || exit 0`;
  const times: number[] = [];
  // The first one starts the agent, or what a peer has in its place.
  for (let call = 0; call <= calls; call++) {
    const startedMs = performance.now();
    await bench.restorer.check(['sh', '-c', script(missing)], { cwd: copy.dataDirectory });
    if (call > 0) times.push(performance.now() - startedMs);
  }
  return median(times) - (await shellMs(bench));
}

export interface HeldCallCost {
  oursMs: number;
  peerMs: number;
  ratio: number;
}

/** CPU of a call whose segment lies in the buffer, beside `pgbackrest version`, in turn. */
export async function measureHeldCalls(bench: RestoreStand): Promise<HeldCallCost> {
  const { ours } = bench.sources;
  const copy = await bench.copy(ours);
  await bench.prepare(ours);
  const enter = await entry(bench.restorer, copy.dataDirectory);
  const taken = enteringMs(enter);
  const oursMs: number[] = [];
  const peerMs: number[] = [];
  for (const name of bench.segments) {
    const words = [`${BIN_DIRECTORY}/restore_cmd`, 'arch1 arch2', bench.stand.walDirectory, name, TARGET];
    // The first call starts the agent.
    if (name !== bench.segments[0]) {
      await waitFor(() => heldSegments(enter) > 0, { what: 'a segment to be fetched ahead', intervalMs: 5 });
      rmSync(bench.restorer.path(`${copy.dataDirectory}/${TARGET}`));
      oursMs.push(cpuMs([...enter, ...words]) - taken);
      peerMs.push(cpuMs([...enter, 'pgbackrest', 'version']) - taken);
    } else spawnSync([...enter, ...words]);
  }
  const ratios = oursMs.map((value, index) => value / (peerMs[index] ?? Number.NaN));
  return { oursMs: median(oursMs), peerMs: median(peerMs), ratio: median(ratios) };
}

function heldSegments(enter: readonly string[]): number {
  const run = spawnSync([...enter, `${BIN_DIRECTORY}/restore_cmd`, 'agent', 'status']);
  return Number(/held=(\d+)/.exec(run.stdout.toString())?.[1] ?? 0);
}

function callLine(source: Source, name: string): string {
  return source.restoreCommand.replace('%f', name).replaceAll('%p', TARGET);
}

async function shellMs(bench: RestoreStand): Promise<number> {
  const times: number[] = [];
  for (let call = 0; call < 10; call++) {
    const startedMs = performance.now();
    await bench.restorer.check(['sh', '-c', '/bin/true && exit 0 || exit 1']);
    times.push(performance.now() - startedMs);
  }
  return median(times);
}
