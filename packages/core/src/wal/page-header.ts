import { Failure } from '../base/failure.ts';
import { type Lsn, lsnFromBytes } from './lsn.ts';
import { postgresMajorOfMagic } from './page-magic.ts';

/** The first 40 bytes of a segment hold everything that says which segment of which cluster it is. */
export const pageHeaderBytes = 40;

/** A long page header as it was read: only the magic is known to be good, checkSegmentHeader judges the rest. */
export interface PageHeader {
  readonly magic: number;
  /** Undefined for a PostgreSQL newer than this program. */
  readonly postgresMajor: number | undefined;
  readonly info: number;
  /** The timeline of the page's first record: on the first segment after a promotion that is the parent's. */
  readonly timeline: number;
  readonly pageAddress: Lsn;
  /** Bytes that a record begun on an earlier page still has to go. */
  readonly remLen: number;
  readonly systemIdentifier: bigint;
  readonly segmentSize: number;
  readonly blockSize: number;
}

/**
 * Reads a segment's first bytes (at least 40, more are ignored); throws `bad_page_header` when they are no WAL page.
 *
 * Little endian only. Source: XLogLongPageHeaderData in PostgreSQL 18 src/include/access/xlog_internal.h; the layout
 * has not changed from PostgreSQL 12 to 18.
 */
export function parsePageHeader(bytes: Buffer): PageHeader {
  if (bytes.length < pageHeaderBytes) {
    throw new Failure('bad_page_header', `the segment ends after ${bytes.length} bytes, within its page header`, {
      hint: 'The file is truncated: look for the same segment in pg_wal or on the other archive host.',
    });
  }
  if (bytes.subarray(0, pageHeaderBytes).every((byte) => byte === 0)) {
    throw new Failure('bad_page_header', 'the segment begins with zeros: no WAL was ever written to it', {
      hint: 'A crash or a copy of an unwritten file leaves this: do not archive or replay it, find another copy.',
    });
  }
  const magic = bytes.readUInt16LE(0);
  return {
    magic,
    postgresMajor: postgresMajorOfMagic(magic),
    info: bytes.readUInt16LE(2),
    timeline: bytes.readUInt32LE(4),
    pageAddress: lsnFromBytes(bytes.readBigUInt64LE(8)),
    remLen: bytes.readUInt32LE(16),
    systemIdentifier: bytes.readBigUInt64LE(24),
    segmentSize: bytes.readUInt32LE(32),
    blockSize: bytes.readUInt32LE(36),
  };
}
