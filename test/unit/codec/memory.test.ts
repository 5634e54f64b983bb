import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const mib = 2 ** 20;

function peakGrowthMib(what: string): number {
  const program = join(import.meta.dirname, 'memory-program.ts');
  return Number(execFileSync(process.execPath, [program, what], { encoding: 'utf8' }));
}

test('512 MiB are encoded and decoded within a few pieces of memory', () => {
  expect(peakGrowthMib('segment')).toBeLessThan(150);
});

test.each([128 * 1024, 16 * mib, 16 * mib + 1, 64 * mib])(
  'a frame of 2 GiB that says %d is given up within its claim',
  (contentSize) => {
    expect(peakGrowthMib(String(contentSize))).toBeLessThan(150);
  },
);
