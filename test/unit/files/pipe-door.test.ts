import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { widenPipe } from '../../../packages/core/src/files/pipe-door.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** How much a pipe takes before its writer would have to wait. */
function capacityOf(fileDescriptor: number): number {
  const chunk = Buffer.alloc(4096);
  for (let bytes = 0; ; ) {
    try {
      bytes += writeSync(fileDescriptor, chunk);
    } catch {
      return bytes;
    }
  }
}

test('a pipe holds a mebibyte', () => {
  const path = join(temporaryDirectory(), 'pipe');
  expect(spawnSync('mkfifo', [path]).status).toBe(0);
  for (const [widen, bytes] of [
    [false, 65_536],
    [true, 2 ** 20],
  ] as const) {
    const pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    if (widen) widenPipe(pipe);
    expect(capacityOf(pipe)).toBe(bytes);
    closeSync(pipe);
  }
});

test('what is no pipe stays as it is', () => {
  const file = openSync('/dev/null', 'r');
  widenPipe(file);
  closeSync(file);
  widenPipe(12_345);
});
