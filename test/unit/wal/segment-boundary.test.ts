import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32c } from '../../../packages/core/src/base/crc32c.ts';
import { goesOn, readBoundary } from '../../../packages/core/src/wal/segment-boundary.ts';

const blockSize = 8192;
const segmentBytes = 4 * blockSize;
const firstLsn = 7n * BigInt(segmentBytes);

/** WAL as PostgreSQL lays it out: records one after the other, aligned, with a header on every page. Segments of four pages. */
class Wal {
  readonly bytes = Buffer.alloc(2 * segmentBytes);
  private at = 0;
  private previous = 0n;

  constructor() {
    this.header(0, 0);
  }

  /** Returns where the record begins, from the beginning of the first segment. */
  record(dataBytes: number, seed: number): number {
    this.at = Math.ceil(this.at / 8) * 8;
    if (this.at % blockSize === 0) this.header(this.at, 0);
    const start = this.at;
    const record = Buffer.alloc(24 + dataBytes, seed);
    record.writeUInt32LE(record.length, 0);
    record.writeBigUInt64LE(this.previous, 8);
    record.writeUInt32LE(crc32c(record.subarray(0, 20), crc32c(record.subarray(24))), 20);
    for (let done = 0; done < record.length; ) {
      if (this.at % blockSize === 0) this.header(this.at, record.length - done);
      const part = record.subarray(done, done + blockSize - (this.at % blockSize));
      this.at += part.copy(this.bytes, this.at);
      done += part.length;
    }
    this.previous = firstLsn + BigInt(start);
    return start;
  }

  /** Fills up to `left` bytes before the end of the first segment. */
  fillUpTo(left: number): number {
    let last = 0;
    while (segmentBytes - this.at > left + 3000) last = this.record(1500, 1);
    const room = segmentBytes - this.at - left;
    return room > 40 ? this.record(room - 32, 2) : last;
  }

  /** The position of the first own record of the second segment. */
  get segments(): [first: Buffer, second: Buffer] {
    return [this.bytes.subarray(0, segmentBytes), this.bytes.subarray(segmentBytes)];
  }

  private header(at: number, remaining: number): void {
    const isFirst = at % segmentBytes === 0;
    this.bytes.writeUInt16LE(0xd110, at);
    this.bytes.writeUInt16LE((isFirst ? 2 : 0) | (remaining > 0 ? 1 : 0), at + 2);
    this.bytes.writeUInt32LE(1, at + 4);
    this.bytes.writeBigUInt64LE(firstLsn + BigInt(at), at + 8);
    this.bytes.writeUInt32LE(remaining, at + 16);
    if (isFirst) {
      this.bytes.writeBigUInt64LE(77n, at + 24);
      this.bytes.writeUInt32LE(segmentBytes, at + 32);
      this.bytes.writeUInt32LE(blockSize, at + 36);
    }
    this.at = at + (isFirst ? 40 : 24);
  }
}

/** WAL whose last record of the first segment has `length` bytes of data, and whether it goes over the boundary. */
function walWith(left: number, length: number): { wal: Wal; last: number } {
  const wal = new Wal();
  wal.fillUpTo(left);
  const last = wal.record(length, 3);
  wal.record(100, 4);
  wal.record(100, 5);
  return { wal, last };
}

describe('the next segment', () => {
  test('goes on from a segment whose last record crosses the boundary, wherever that begins and however long it is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 24, max: 2000 }), fc.integer({ min: 2000, max: 20_000 }), (left, length) => {
        const { wal, last } = walWith(left, length);
        const [first, second] = wal.segments;
        const boundary = readBoundary(second);
        fc.pre(boundary !== undefined && last < segmentBytes);
        expect(Number(boundary?.previousRecord ?? 0n) - Number(firstLsn)).toBe(last);
        expect(goesOn(first.subarray(last), last, boundary!)).toBe(true);
        const other = Buffer.from(first.subarray(last));
        other.writeUInt8(other.readUInt8(other.length - 1) ^ 1, other.length - 1);
        expect(goesOn(other, last, boundary!)).toBe(false);
      }),
    );
  });

  test('goes on from a segment that ends with a whole record, or with a switch to the next one', () => {
    const wal = new Wal();
    for (let count = 0; count < 3; count++) wal.record(100, 1);
    const last = wal.record(0, 9);
    const [first, second] = wal.segments;
    // What follows a switch is zeros up to the next segment, whose first record points back to it.
    const next = new Wal();
    next.record(64, 1);
    const head = Buffer.from(next.segments[0]);
    head.writeBigUInt64LE(firstLsn + BigInt(last), 40 + 8);
    head.copy(second);
    const boundary = readBoundary(second);
    expect(boundary).toMatchObject({ previousRecord: firstLsn + BigInt(last), blockSize });
    expect(goesOn(first.subarray(last), last, boundary!)).toBe(true);
    expect(goesOn(Buffer.alloc(segmentBytes - last), last, boundary!)).toBe(false);
    expect(goesOn(first.subarray(last, last + 3), last, boundary!)).toBe(false);
  });

  test('does not tell when its first own record is not there', () => {
    const { wal } = walWith(100, 5000);
    const [, second] = wal.segments;
    expect(readBoundary(second.subarray(0, 2000))).toBeUndefined();
    const empty = Buffer.from(second.subarray(0, blockSize));
    empty.fill(0, 40);
    empty.writeUInt16LE(2, 2);
    expect(readBoundary(empty)).toBeUndefined();
  });
});

test('no bytes at all make it fail in another way than by saying no', () => {
  const { wal } = walWith(100, 5000);
  const boundary = readBoundary(wal.segments[1]);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 0, max: segmentBytes }), (bytes, offset) => {
      expect(goesOn(Buffer.from(bytes), offset, boundary!)).toBe(false);
    }),
  );
});
