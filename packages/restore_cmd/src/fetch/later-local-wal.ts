import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { StoredFile } from '@archive2/core/archive/stored-file.ts';
import { Activity } from '@archive2/core/base/activity.ts';
import { peekPrefixBytes, peekRaw } from '@archive2/core/codec/peek.ts';
import { decodeStored } from '@archive2/core/codec/stored-decoder.ts';
import {
  type ArchiveFile,
  type ArchiveFileName,
  isArchiveFileName,
  parseArchiveFileName,
  type SegmentName,
} from '@archive2/core/wal/archive-file.ts';
import { type Descent, laterWal } from '@archive2/core/wal/later-wal.ts';
import { pageHeaderBytes, parsePageHeader } from '@archive2/core/wal/page-header.ts';
import { checkSegmentHeader } from '@archive2/core/wal/segment-header-check.ts';
import type { SegmentSize } from '@archive2/core/wal/segment-size.ts';
import { parseTimelineHistory } from '@archive2/core/wal/timeline-history.ts';

const maxHistoryBytes = 2 ** 20;

/**
 * A segment in a local directory that builds on the one that is not there; undefined when there is none. Throws when a history file,
 * or the beginning of the later segments, cannot be read: then nobody can say.
 */
export async function laterLocalWal(
  directory: string,
  file: ArchiveFile,
  entries: readonly string[],
): Promise<SegmentName | undefined> {
  const names = entries.filter(isArchiveFileName);
  const newest = names.filter((name) => parseArchiveFileName(name).kind === 'segment').at(-1);
  if (file.kind !== 'segment' || newest === undefined) return undefined;
  const descents: Descent[] = [];
  for (const name of names) {
    const other = parseArchiveFileName(name);
    if (other.kind === 'history' && other.timeline > file.timeline) {
      const ancestors = parseTimelineHistory(await contentOf(directory, name), other.timeline);
      descents.push({ timeline: other.timeline, ancestors });
    }
  }
  return laterWal(file, names, descents, await segmentSizeOf(directory, newest));
}

async function contentOf(directory: string, name: ArchiveFileName): Promise<Buffer> {
  const stored = await StoredFile.open(join(directory, name), new Activity());
  const chunks: Buffer[] = [];
  if (stored === undefined) return Buffer.alloc(0);
  try {
    for await (const piece of decodeStored(stored.chunks(), { maxRawSizeBytes: maxHistoryBytes })) chunks.push(piece);
    return Buffer.concat(chunks);
  } finally {
    await stored.close();
  }
}

async function segmentSizeOf(directory: string, name: ArchiveFileName): Promise<SegmentSize> {
  const file = parseArchiveFileName(name);
  if (file.kind !== 'segment') throw new Error(`${name} is no segment`);
  const handle = await open(join(directory, name), 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(peekPrefixBytes), 0, peekPrefixBytes, 0);
    const page = peekRaw(buffer.subarray(0, bytesRead), pageHeaderBytes);
    return checkSegmentHeader(parsePageHeader(page ?? Buffer.alloc(pageHeaderBytes)), file).segmentSize;
  } finally {
    await handle.close();
  }
}
