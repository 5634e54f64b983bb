import { closeSync, fstatSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SyncQueue } from '../../../../packages/core/src/restore/extract/sync-queue.ts';
import { TargetFile } from '../../../../packages/core/src/restore/extract/target-file.ts';

let scratch: string;
let path: string;
let syncs: SyncQueue;

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'archive2-target-file-'));
  path = join(scratch, 'it');
  syncs = new SyncQueue(new AbortController().signal);
});

afterEach(() => {
  rmSync(scratch, { recursive: true });
});

const openFiles = () => readdirSync('/proc/self/fd').length;
const begin = () => new TargetFile(path, Buffer.from(path), { direct: false, owner: undefined, syncs });

describe('a file that is being made', () => {
  test('is closed when it is given up in the middle', async () => {
    const before = openFiles();
    const file = begin();
    await file.append(Buffer.from('half'), 4);
    expect(openFiles()).toBe(before + 1);
    await file.abandon();
    await file.abandon();
    expect(openFiles()).toBe(before);
  });

  test('is closed by the queue alone once it was handed on, as its number is another file’s then', async () => {
    const file = begin();
    await file.append(Buffer.from('whole'), 5);
    await file.end();
    await syncs.finish();
    const other = openSync(path, 'r');
    await file.abandon();
    expect(fstatSync(other).size).toBe(5);
    closeSync(other);
  });

  test('takes nothing after its end', async () => {
    const file = begin();
    await file.end();
    await expect(file.append(Buffer.from('more'), 4)).rejects.toThrow('has had its end');
    await syncs.finish();
    expect(readFileSync(path, 'utf8')).toBe('');
  });
});
