import { decodeStored } from '../codec/stored-decoder.ts';
import type { ArchiveFile } from '../wal/archive-file.ts';
import { type Lsn, lsnFromBytes } from '../wal/lsn.ts';
import { segmentStartLsn } from '../wal/segment-position.ts';
import type { SegmentSize } from '../wal/segment-size.ts';
import type { StoredFile } from './stored-file.ts';

const pageBytes = 8192;

/**
 * The number (from 0) of the first 8 kB page in which the raw contents of two stored files differ; undefined when they
 * are equal. Whole pages only: an exact offset would let a key that may only put read the archive byte by byte.
 */
export async function firstDifferingPage(
  a: StoredFile,
  b: StoredFile,
  maxRawSizeBytes: number,
): Promise<number | undefined> {
  const left = pagesOf(decodeStored(a.chunks(), { maxRawSizeBytes }, { digest: 'of_several_frames' }));
  const right = pagesOf(decodeStored(b.chunks(), { maxRawSizeBytes }, { digest: 'of_several_frames' }));
  for (let page = 0; ; page++) {
    const [leftPage, rightPage] = [await left.next(), await right.next()];
    if (leftPage.done && rightPage.done) return undefined;
    if (leftPage.done || rightPage.done || !leftPage.value.equals(rightPage.value)) return page;
  }
}

async function* pagesOf(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of pieces) {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    let offset = 0;
    for (; offset + pageBytes <= bytes.length; offset += pageBytes) yield bytes.subarray(offset, offset + pageBytes);
    rest = bytes.subarray(offset);
  }
  if (rest.length > 0) yield rest;
}

/** The position at which page `page` of a segment begins; undefined for a file that has no positions. */
export function lsnOfPage(file: ArchiveFile, page: number, segmentSize: SegmentSize | undefined): Lsn | undefined {
  if (segmentSize === undefined || (file.kind !== 'segment' && file.kind !== 'partial')) return undefined;
  return lsnFromBytes(segmentStartLsn(file, segmentSize) + BigInt(page) * BigInt(pageBytes));
}
