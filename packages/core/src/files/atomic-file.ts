import { rename } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { syncDirectory } from './directory-sync.ts';
import { linkUnlessTaken } from './link.ts';
import { PartFile } from './part-file.ts';

/** Creates a small file with all its content, durably, unless the name exists; false when it does. */
export async function createFileDurably(path: string, content: string, nowMs: number): Promise<boolean> {
  return writeThen(path, content, nowMs, (part) => linkUnlessTaken(part.path, path));
}

/** Replaces a small file as a whole, durably: a reader sees the old content or the new. */
export async function replaceFileDurably(path: string, content: string, nowMs: number): Promise<void> {
  await writeThen(path, content, nowMs, async (part) => {
    await rename(part.path, path);
    return true;
  });
}

async function writeThen(
  path: string,
  content: string,
  nowMs: number,
  name: (part: PartFile) => Promise<boolean>,
): Promise<boolean> {
  const directory = dirname(path);
  const part = await PartFile.create(directory, basename(path));
  try {
    await part.append(Buffer.from(content));
    await part.sync(nowMs);
    const named = await name(part);
    if (named) await syncDirectory(directory);
    return named;
  } finally {
    await part.discard();
    await part.close();
  }
}
