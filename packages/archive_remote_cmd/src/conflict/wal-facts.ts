import { rawSizeRange, StoredFile } from '@archive2/core/archive/stored-file.ts';
import type { WalStore } from '@archive2/core/archive/wal-store.ts';
import { toFailure } from '@archive2/core/base/failure.ts';
import { decodeStored } from '@archive2/core/codec/stored-decoder.ts';
import { type ArchiveFile, parseArchiveFileName, type SegmentFile } from '@archive2/core/wal/archive-file.ts';
import { parsePageHeader } from '@archive2/core/wal/page-header.ts';
import { goesOn, readBoundary, type SegmentBoundary } from '@archive2/core/wal/segment-boundary.ts';
import { nextSegment, segmentStartLsn } from '@archive2/core/wal/segment-position.ts';

/** The next segment as it is stored here, and what it says about its predecessor. */
export interface Successor {
  name: string;
  /** Undefined when it is not stored here, or cannot be read. */
  boundary: SegmentBoundary | undefined;
}

/** A record is rarely longer than a few pages. One that is longer than this is not followed. */
const mostBytes = 64 * 1024 * 1024;

/** The segment after a conflicting one; undefined for files that have none. */
export async function readSuccessor(store: WalStore, file: ArchiveFile): Promise<Successor | undefined> {
  const segmentSize = store.identity?.segmentSize;
  if (file.kind !== 'segment' || segmentSize === undefined) return undefined;
  const next = parseArchiveFileName(nextSegment(file, segmentSize));
  const path = store.directory.walFile(next.name);
  try {
    const head = await readRaw(store, next, path, 0);
    return { name: next.name, boundary: head === undefined ? undefined : readBoundary(head) };
  } catch {
    // A damaged successor says nothing; which of the two is right must then be told otherwise.
    return { name: next.name, boundary: undefined };
  }
}

/** What the content of a segment says about itself, in words: its cluster, its timeline, and whether the next segment goes on from it. */
export async function describeWal(
  store: WalStore,
  file: ArchiveFile,
  path: string,
  successor: Successor | undefined,
): Promise<string | undefined> {
  if (file.kind !== 'segment' && file.kind !== 'partial') return undefined;
  try {
    const head = await readRaw(store, file, path, 0, 8192);
    if (head === undefined) return undefined;
    const { systemIdentifier, timeline } = parsePageHeader(head);
    const facts = [`system identifier ${systemIdentifier}`, `begins on timeline ${timeline}`];
    if (file.kind === 'segment' && successor !== undefined)
      facts.push(await continuation(store, file, path, successor));
    return facts.join(', ');
  } catch (error) {
    return `cannot be read as WAL: ${toFailure(error).message}`;
  }
}

async function continuation(store: WalStore, file: SegmentFile, path: string, successor: Successor): Promise<string> {
  const segmentSize = store.identity?.segmentSize;
  const { name, boundary } = successor;
  if (boundary === undefined || segmentSize === undefined) return `${name} is not stored here to compare`;
  const offset = Number(boundary.previousRecord - segmentStartLsn(file, segmentSize));
  // A record longer than a segment began before this one.
  if (offset < 0 || offset >= segmentSize) return `${name} does not tell`;
  const tail = await readRaw(store, file, path, offset);
  return tail !== undefined && goesOn(tail, offset, boundary)
    ? `${name} goes on from it`
    : `${name} does not go on from it`;
}

/** Raw content from `offset` on, at most `count` bytes; undefined when nothing has the path. */
async function readRaw(
  store: WalStore,
  file: ArchiveFile,
  path: string,
  offset: number,
  count = mostBytes,
): Promise<Buffer | undefined> {
  const stored = await StoredFile.open(path, store.options.activity);
  if (stored === undefined) return undefined;
  try {
    const parts: Buffer[] = [];
    let position = 0;
    let length = 0;
    for await (const piece of decodeStored(stored.chunks(), rawSizeRange(file, store.identity?.segmentSize))) {
      const part = piece.subarray(Math.max(0, offset - position), Math.max(0, offset - position) + count - length);
      position += piece.length;
      length += part.length;
      parts.push(Buffer.from(part));
      if (length >= count) break;
    }
    return Buffer.concat(parts);
  } finally {
    await stored.close();
  }
}
