import { link, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemErrorCode } from '../base/failure.ts';
import { syncDirectory } from '../files/directory-sync.ts';
import { successFileName } from './backup-directory.ts';

/**
 * Puts a copy of a published backup's directory, made of hard links, in the place of `target`, for an external backup system that
 * always reads the same directory. SUCCESS comes last: while it is there the copy is whole. Between two renames there is no `target`
 * for a moment; killed there, the next call puts it right. Durable on return.
 */
export async function replaceLinkCopy(source: string, target: string): Promise<void> {
  const parent = dirname(target);
  const fresh = join(parent, `.${basename(target)}.new`);
  const old = join(parent, `.${basename(target)}.old`);
  await rm(fresh, { recursive: true, force: true });
  await linkTree(source, fresh);
  await rm(old, { recursive: true, force: true });
  await renameIfThere(target, old);
  await rename(fresh, target);
  await syncDirectory(parent);
  await rm(old, { recursive: true, force: true });
}

async function linkTree(source: string, target: string): Promise<void> {
  await mkdir(target, { mode: 0o700 });
  const entries = await readdir(source, { withFileTypes: true });
  const rank = ({ name }: { name: string }) => Number(name === successFileName);
  for (const entry of entries.toSorted((a, b) => rank(a) - rank(b))) {
    const [from, to] = [join(source, entry.name), join(target, entry.name)];
    if (entry.isDirectory()) await linkTree(from, to);
    else await link(from, to);
  }
  await syncDirectory(target);
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
}
