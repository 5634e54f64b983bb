import { type FileHandle, open, rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemErrorCode } from '../base/failure.ts';
import { tryLock } from './lock.ts';

/** When the file is this large it becomes `<file>.1`, and the one before that is gone: two files at most. */
const largestFileBytes = 10 * 1024 * 1024;

/** The older one of the two files of a log. */
export function olderFile(path: string): string {
  return `${path}.1`;
}

/**
 * Appends whole lines to a log with one write, so that lines of processes that write at the same time do not mix. With `durable` they
 * are fsynced. Throws the system error; what a full disk took of them is no whole line, and the next writer begins a new one.
 */
export async function appendLines(path: string, lines: string, { durable }: { durable: boolean }): Promise<void> {
  await makeRoom(path);
  const file = await open(path, 'a+', 0o600);
  try {
    const bytes = Buffer.from((await endsInLine(file)) ? lines : `\n${lines}`);
    const { bytesWritten } = await file.write(bytes);
    if (bytesWritten < bytes.length) throw new Error(`${path}: ${bytesWritten} of ${bytes.length} bytes were written`);
    if (durable) await file.sync();
  } finally {
    await file.close();
  }
}

async function endsInLine(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return true;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] === 0x0a;
}

/** One process at a time: a second one that found the file large would move the new one over the old one. */
async function makeRoom(path: string): Promise<void> {
  if ((await sizeOf(path)) < largestFileBytes) return;
  const lock = tryLock(join(dirname(path), `lock.${basename(path, '.jsonl')}`));
  if (lock === undefined) return;
  try {
    if ((await sizeOf(path)) >= largestFileBytes) await rename(path, olderFile(path));
  } finally {
    lock.release();
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return 0;
    throw error;
  }
}
