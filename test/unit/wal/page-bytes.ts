/** The first page header of a segment of PostgreSQL 15: what initdb wrote, with 16 MiB segments. */
export const firstSegmentOfPostgres15 = Buffer.from(
  '10d102000100000000000001000000000000000000000000b9c2c902375e016b0000000100200000',
  'hex',
);

export interface PageFields {
  magic?: number;
  info?: number;
  timeline?: number;
  pageAddress?: bigint;
  systemIdentifier?: bigint;
  segmentSize?: number;
  blockSize?: number;
}

/** A long page header; by default that of segment 000000010000000000000003 with 16 MiB segments. */
export function pageBytes(fields: PageFields = {}): Buffer {
  const bytes = Buffer.alloc(40);
  bytes.writeUInt16LE(fields.magic ?? 0xd110, 0);
  bytes.writeUInt16LE(fields.info ?? 0x0002, 2);
  bytes.writeUInt32LE(fields.timeline ?? 1, 4);
  bytes.writeBigUInt64LE(fields.pageAddress ?? 0x300_0000n, 8);
  bytes.writeBigUInt64LE(fields.systemIdentifier ?? 7710547627397989049n, 24);
  bytes.writeUInt32LE(fields.segmentSize ?? 2 ** 24, 32);
  bytes.writeUInt32LE(fields.blockSize ?? 8192, 36);
  return bytes;
}
