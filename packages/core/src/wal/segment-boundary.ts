import { crc32c } from '../base/crc32c.ts';
import { type Lsn, lsnFromBytes } from './lsn.ts';
import { pageHeaderBytes, parsePageHeader } from './page-header.ts';

/** What the beginning of a segment says about the end of the one before it. */
export interface SegmentBoundary {
  /** Where the last record began that begins before this segment. */
  readonly previousRecord: Lsn;
  /** The end of that record, where it goes over the boundary; empty where it does not. */
  readonly rest: Buffer;
  readonly blockSize: number;
}

/** XLP_FIRST_IS_CONTRECORD; SizeOfXLogShortPHD; SizeOfXLogRecord; offsets of xl_prev and xl_crc in XLogRecord. */
const continuesFlag = 0x0001;
const shortHeaderBytes = 24;
const recordHeaderBytes = 24;
const previousOffset = 8;
const crcOffset = 20;

/**
 * Reads a segment's first bytes up to its first own record, which points back to the record before it. Undefined when `head` does not
 * reach that far, or holds no record there. Throws `bad_page_header` when it is no segment's.
 *
 * Source: XLogRecord in PostgreSQL 18 src/include/access/xlogrecord.h; unchanged from PostgreSQL 12 to 18.
 */
export function readBoundary(head: Buffer): SegmentBoundary | undefined {
  const { info, remLen, blockSize } = parsePageHeader(head);
  const pages = new PagedBytes(head, 0, blockSize);
  const rest = pages.take((info & continuesFlag) === 0 ? 0 : remLen);
  pages.align();
  const record = pages.take(recordHeaderBytes);
  if (rest === undefined || record === undefined || record.readUInt32LE(0) < recordHeaderBytes) return undefined;
  return { previousRecord: lsnFromBytes(record.readBigUInt64LE(previousOffset)), rest, blockSize };
}

/**
 * Whether a segment whose raw content from `offset` on is `tail` is what the next segment goes on from: the record that begins there is
 * whole, its end in the next segment included, by its own checksum.
 */
export function goesOn(tail: Buffer, offset: number, { rest, blockSize }: SegmentBoundary): boolean {
  if (tail.length < 4) return false;
  const totalBytes = tail.readUInt32LE(0);
  if (totalBytes < recordHeaderBytes || totalBytes > tail.length + rest.length) return false;
  const own = new PagedBytes(tail, offset, blockSize).take(totalBytes - rest.length);
  if (own === undefined) return false;
  const record = Buffer.concat([own, rest]);
  const header = record.subarray(0, crcOffset);
  return crc32c(header, crc32c(record.subarray(recordHeaderBytes))) === record.readUInt32LE(crcOffset);
}

/** Bytes of a segment without the headers of its pages. */
class PagedBytes {
  private readonly bytes: Buffer;
  /** Where in the segment the bytes begin. */
  private readonly base: number;
  private readonly blockSize: number;
  private at = 0;

  constructor(bytes: Buffer, base: number, blockSize: number) {
    this.bytes = bytes;
    this.base = base;
    this.blockSize = blockSize;
  }

  /** The next `count` bytes; undefined when there are not as many. */
  take(count: number): Buffer | undefined {
    const parts: Buffer[] = [];
    let missing = count;
    while (missing > 0) {
      const position = this.base + this.at;
      const inPage = position % this.blockSize;
      if (inPage === 0) this.at += position === 0 ? pageHeaderBytes : shortHeaderBytes;
      const available = this.blockSize - ((this.base + this.at) % this.blockSize);
      const part = this.bytes.subarray(this.at, this.at + Math.min(missing, available));
      if (part.length === 0) return undefined;
      parts.push(part);
      this.at += part.length;
      missing -= part.length;
    }
    return Buffer.concat(parts);
  }

  /** Records begin at multiples of 8. */
  align(): void {
    this.at = Math.ceil((this.base + this.at) / 8) * 8 - this.base;
  }
}
