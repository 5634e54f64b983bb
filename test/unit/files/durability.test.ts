import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { TracedCall } from '../../support/strace-calls.ts';
import { nameOf } from '../archive/wal-segment.ts';
import { runTraced } from './strace.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** The system calls of publication-program.ts, cut where it says so. */
function tracedPublication(): {
  storing: TracedCall[];
  saying: TracedCall[];
  owing: TracedCall[];
  owingMore: TracedCall[];
} {
  const { status, stderr, calls } = runTraced('publication-program.ts', [join(temporaryDirectory(), 'main')]);
  expect(status, stderr).toBe(0);
  const [same = 0, debt = 0, more = 0] = ['same-from-here', 'debt-from-here', 'arch3'].map((mark) =>
    calls.findIndex(({ name, args }) => name.startsWith('mkdir') && args.includes(mark)),
  );
  return {
    storing: calls.slice(0, same),
    saying: calls.slice(same, debt),
    owing: calls.slice(debt, more),
    owingMore: calls.slice(more),
  };
}

const writes = ['write', 'pwrite64', 'writev', 'pwritev'];
const links = ['link', 'linkat'];

/** The calls with one of these names that succeeded and whose arguments have the text; there must be one. */
function callsOf(trace: TracedCall[], names: string[], text: string | RegExp): TracedCall[] {
  const found = trace.filter(
    ({ name, args, result }) => names.includes(name) && args.match(text) !== null && !result.startsWith('-1'),
  );
  expect(found.length, `${names.join('/')} of ${text}`).toBeGreaterThan(0);
  return found;
}

/** Each step begins when all calls of the one before it have ended. */
function inThisOrder(...steps: TracedCall[][]): void {
  for (let at = 1; at < steps.length; at++) {
    const before = Math.max(...(steps[at - 1] ?? []).map(({ endedAt }) => endedAt));
    const after = Math.min(...(steps[at] ?? []).map(({ beganAt }) => beganAt));
    expect(before, `step ${at} ends before step ${at + 1} begins`).toBeLessThan(after);
  }
}

test('a segment is written, dated and fsynced before it is linked, and its directory is fsynced after that', () => {
  const { storing } = tracedPublication();
  const part = new RegExp(`\\.${nameOf(1)}\\.[0-9a-f]{16}\\.part`);
  inThisOrder(
    callsOf(storing, writes, part),
    callsOf(storing, ['utimensat'], part),
    callsOf(storing, ['fsync'], part),
    callsOf(storing, links, new RegExp(`part".*/${nameOf(1)}"`)),
    callsOf(storing, ['fsync'], '/logs.complete>'),
  );
});

test('the identity is durable before the first segment has its name', () => {
  const { storing } = tracedPublication();
  const part = /\.cluster\.json\.[0-9a-f]{16}\.part/;
  inThisOrder(
    callsOf(storing, writes, part),
    callsOf(storing, ['fsync'], part),
    callsOf(storing, links, /\/cluster\.json"/),
    callsOf(storing, ['fsync'], /\/main>/),
    callsOf(storing, links, new RegExp(`/${nameOf(1)}"`)),
  );
});

test('nothing is ever renamed or truncated on the way of a new file', () => {
  const { storing } = tracedPublication();
  const names = storing.filter(({ args }) => args.includes(nameOf(1)));
  expect(names.filter(({ name }) => name.startsWith('rename'))).toEqual([]);
  expect(names.filter(({ args }) => args.includes('O_TRUNC'))).toEqual([]);
});

test('"same" is said after an fsync of the stored file and then one of its directory', () => {
  const { saying } = tracedPublication();
  inThisOrder(
    callsOf(saying, ['fsync'], `/logs.complete/${nameOf(1)}>`),
    callsOf(saying, ['fsync'], '/logs.complete>'),
  );
});

test('a debt is made, then its directory fsynced, and that of a directory that was made with it', () => {
  const { owing } = tracedPublication();
  inThisOrder(
    callsOf(owing, ['mkdir'], '/debts/arch2"'),
    [...callsOf(owing, ['fsync'], '/debts>'), ...callsOf(owing, ['fsync'], /\/main>/)],
    callsOf(owing, ['openat'], `/debts/arch2/${nameOf(1)}"`),
    callsOf(owing, ['fsync'], '/debts/arch2>'),
  );
});

test('a debt does not rely on who made its directory a moment ago and may not have fsynced it yet', () => {
  const { owingMore } = tracedPublication();
  inThisOrder(
    callsOf(owingMore, ['mkdir'], '/debts/arch3"'),
    callsOf(owingMore, ['fsync'], '/debts>'),
    callsOf(owingMore, ['fsync'], '/debts/arch3>'),
  );
});
