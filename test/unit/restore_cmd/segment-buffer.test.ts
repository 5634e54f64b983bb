import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SegmentBuffer } from '../../../packages/restore_cmd/src/prefetch/segment-buffer.ts';
import { nameOf } from '../archive/wal-segment.ts';
import { temporaryDirectory } from '../files/temporary-directory.ts';

const name = nameOf(1);

/** A file that a fetch has brought. */
function fetched(buffer: SegmentBuffer, random: string) {
  const path = join(buffer.directory, `.${name}.${random}.part`);
  writeFileSync(path, random);
  return { path, modifiedMs: 0, fingerprint: 0n };
}

test('of a file that two fetches have brought at the same time one is kept', async () => {
  const buffer = await SegmentBuffer.open(join(temporaryDirectory(), 'buffer'));
  const first = buffer.hold(name, fetched(buffer, '0000000000000001'));
  expect(buffer.hold(name, fetched(buffer, '0000000000000002')).path).toBe(first.path);
  expect(readdirSync(buffer.directory).map((it) => join(buffer.directory, it))).toEqual([first.path]);
});
