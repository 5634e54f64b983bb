import { randomFillSync } from 'node:crypto';

export interface SegmentFields {
  /** Counted from 0, as in PostgreSQL's XLogSegNo. */
  number: number;
  systemIdentifier: bigint;
  /** Default 1. */
  timeline?: number;
  /** Of the first page; default that of the name. Lower in the first segment after a promotion. */
  pageTimeline?: number;
  /** Default 1 MiB. */
  sizeBytes?: number;
}

/** The WAL page magic of PostgreSQL 15. */
const PAGE_MAGIC = 0xd110;
const LONG_HEADER = 0x0002;

/** The name of a segment; PostgreSQL's XLogFileName. */
export function segmentName({ number, timeline = 1, sizeBytes = 1024 ** 2 }: Omit<SegmentFields, 'systemIdentifier'>) {
  const perLog = 2 ** 32 / sizeBytes;
  const parts = [timeline, Math.floor(number / perLog), number % perLog];
  return parts.map((part) => part.toString(16).toUpperCase().padStart(8, '0')).join('');
}

/** The first 40 bytes of a segment: a long page header. */
export function segmentHeader(fields: SegmentFields): Buffer {
  const { number, systemIdentifier, timeline = 1, pageTimeline = timeline, sizeBytes = 1024 ** 2 } = fields;
  const bytes = Buffer.alloc(40);
  bytes.writeUInt16LE(PAGE_MAGIC, 0);
  bytes.writeUInt16LE(LONG_HEADER, 2);
  bytes.writeUInt32LE(pageTimeline, 4);
  bytes.writeBigUInt64LE(BigInt(number) * BigInt(sizeBytes), 8);
  bytes.writeBigUInt64LE(systemIdentifier, 24);
  bytes.writeUInt32LE(sizeBytes, 32);
  bytes.writeUInt32LE(8192, 36);
  return bytes;
}

/** A segment with a right header and random content, which no compressor makes smaller. */
export function segmentBytes(fields: SegmentFields): Buffer {
  const bytes = randomFillSync(Buffer.alloc(fields.sizeBytes ?? 1024 ** 2));
  segmentHeader(fields).copy(bytes);
  return bytes;
}
