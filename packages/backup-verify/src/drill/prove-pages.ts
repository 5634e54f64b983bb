import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '@archive2/core/base/failure.ts';
import type { BadPage, PageFindings } from '@archive2/core/restore/extract/extraction.ts';
import { pageBytes, pageChecksum } from '@archive2/core/restore/extract/page-checksum.ts';
import type { CheckResult } from '@archive2/core/restore/server/checks/check.ts';

/**
 * Judges what the extraction found of page checksums, on the stopped server's files: a page that was torn while the backup was taken is
 * whole after the replay, one that was damaged is not. Undefined where the cluster has no page checksums.
 */
export async function provePages(
  findings: PageFindings | undefined,
  dataDirectory: string,
  segmentBlocks: number,
): Promise<CheckResult | undefined> {
  if (findings === undefined) return undefined;
  const { bad, badCount, checkedCount } = findings;
  const still: BadPage[] = [];
  for (const page of bad) if (await isBad(page, dataDirectory, segmentBlocks)) still.push(page);
  // More were found than are listed: those cannot be looked at again.
  const count = still.length + (badCount - bad.length);
  const ok = count === 0;
  return {
    name: 'page checksums',
    ok,
    value: `${checkedCount} pages compared`,
    problem: ok
      ? undefined
      : `${count} ${count === 1 ? 'page is' : 'pages are'} damaged in the backup, and the replay did not mend ${count === 1 ? 'it' : 'them'}`,
    elapsedMs: 0,
    evidence: still.slice(0, 20).map(({ file, block }) => `${file}, block ${block}`),
  };
}

async function isBad({ file, block }: BadPage, dataDirectory: string, segmentBlocks: number): Promise<boolean> {
  const page = await readPage(join(dataDirectory, file), block % segmentBlocks);
  // Dropped, truncated or emptied by the replay.
  if (page === undefined || page.every((byte) => byte === 0)) return false;
  const words = new Int32Array(page.buffer, page.byteOffset, pageBytes / 4);
  return pageChecksum(words, 0, block) !== page.readUInt16LE(8);
}

async function readPage(path: string, block: number): Promise<Buffer | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const page = Buffer.from(new ArrayBuffer(pageBytes));
      const { bytesRead } = await file.read(page, 0, pageBytes, block * pageBytes);
      return bytesRead === pageBytes ? page : undefined;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
