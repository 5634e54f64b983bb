import { firstDifferingPage, lsnOfPage } from '@archive2/core/archive/differing-page.ts';
import { rawSizeRange, StoredFile } from '@archive2/core/archive/stored-file.ts';
import type { WalStore } from '@archive2/core/archive/wal-store.ts';
import { toFailure } from '@archive2/core/base/failure.ts';
import type { ArchiveFile } from '@archive2/core/wal/archive-file.ts';
import { formatLsn } from '@archive2/core/wal/lsn.ts';
import { type Claim, type Contents, readContents } from './claims.ts';
import { describeWal, readSuccessor } from './wal-facts.ts';

/** Lines about every content in the quarantine, for `conflict list`. */
export function formatClaims(claims: readonly Claim[]): string {
  if (claims.length === 0) return 'the quarantine is empty\n';
  const lines = claims.map(({ file, tag }) => {
    const what = tag.startsWith('damaged-')
      ? 'stored file that was damaged, and replaced'
      : 'refused: other content is stored';
    return `${file.name}  ${tag}  ${what}`;
  });
  return `${lines.join('\n')}\n`;
}

/** What is stored under a name and what claims it, side by side, where they begin to differ, and which of them WAL goes on from. */
export async function describeConflict(store: WalStore, file: ArchiveFile, claims: readonly Claim[]): Promise<string> {
  const storedPath = store.directory.walFile(file.name);
  const stored = await readContents(store, file, storedPath);
  const successor = await readSuccessor(store, file);
  const lines: string[] = [file.name, `  stored            ${describe(stored)}`];
  const tell = async (path: string): Promise<void> => {
    const facts = await describeWal(store, file, path, successor);
    if (facts !== undefined) lines.push(`    ${facts}`);
  };
  if (stored !== undefined) await tell(storedPath);
  for (const claim of claims) {
    lines.push(`  ${claim.tag.padEnd(16)}  ${describe(await readContents(store, file, claim.path))}`);
    await tell(claim.path);
    if (stored !== undefined) lines.push(`    ${await difference(store, file, storedPath, claim.path)}`);
  }
  return `${lines.join('\n')}\n`;
}

function describe(contents: Contents | undefined): string {
  if (contents === undefined) return 'nothing';
  const when = new Date(contents.modifiedMs).toISOString();
  if (contents.problem !== undefined) return `damaged: ${contents.problem}; written ${when}`;
  return `digest ${contents.rawDigest}, ${contents.rawSizeBytes} bytes, written ${when}`;
}

async function difference(store: WalStore, file: ArchiveFile, a: string, b: string): Promise<string> {
  const { activity } = store.options;
  const left = await StoredFile.open(a, activity);
  const right = await StoredFile.open(b, activity);
  try {
    if (left === undefined || right === undefined) return 'one of them is gone';
    const { maxRawSizeBytes } = rawSizeRange(file, store.identity?.segmentSize);
    const page = await firstDifferingPage(left, right, maxRawSizeBytes);
    return page === undefined
      ? 'the same content'
      : `differs from the stored one from page ${page}${lsnOf(store, file, page)}`;
  } catch (error) {
    return `cannot be compared: ${toFailure(error).message}`;
  } finally {
    await left?.close();
    await right?.close();
  }
}

function lsnOf(store: WalStore, file: ArchiveFile, page: number): string {
  const lsn = lsnOfPage(file, page, store.identity?.segmentSize);
  return lsn === undefined ? '' : ` (LSN ${formatLsn(lsn)})`;
}
