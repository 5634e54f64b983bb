import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { alignText } from '../../../scripts/align-text.ts';

interface Segment {
  type: number;
  flags: number;
  fileOffset: number;
  address: number;
  sizeBytes: number;
}

function segmentsOf(program: Buffer): Segment[] {
  const first = Number(program.readBigUInt64LE(32));
  return Array.from({ length: program.readUInt16LE(56) }, (_, index) => {
    const at = first + index * 56;
    return {
      type: program.readUInt32LE(at),
      flags: program.readUInt32LE(at + 4),
      fileOffset: Number(program.readBigUInt64LE(at + 8)),
      address: Number(program.readBigUInt64LE(at + 16)),
      sizeBytes: Number(program.readBigUInt64LE(at + 32)),
    };
  });
}

const contentOf = (program: Buffer, { fileOffset, sizeBytes }: Segment) =>
  program.subarray(fileOffset, fileOffset + sizeBytes);

describe('a program whose code is aligned', () => {
  const before = readFileSync(process.execPath);
  const after = alignText(before);

  test('has its code where huge pages can map it', () => {
    const [code, ...others] = segmentsOf(after).filter(({ type, flags }) => type === 1 && (flags & 1) !== 0);
    expect(others).toEqual([]);
    expect(((code?.address ?? 1) - (code?.fileOffset ?? 0)) % (2 * 1024 * 1024)).toBe(0);
  });

  test('has every segment at its address, with its content', () => {
    const places = (program: Buffer) =>
      segmentsOf(program).map(({ type, flags, address, sizeBytes }) => ({ type, flags, address, sizeBytes }));
    expect(places(after)).toEqual(places(before));
    const moved = segmentsOf(after);
    for (const [index, segment] of segmentsOf(before).entries()) {
      // The first one has the headers themselves, which say where the others are now.
      if (segment.fileOffset === 0 || segment.type === 6) continue;
      const there = moved[index];
      expect(there !== undefined && contentOf(after, there).equals(contentOf(before, segment))).toBe(true);
    }
  });

  test('keeps file and memory in step page by page, as the kernel asks for it', () => {
    for (const { type, fileOffset, address } of segmentsOf(after)) {
      if (type === 1) expect((address - fileOffset) % 4096).toBe(0);
    }
  });

  test('is not moved again', () => {
    expect(alignText(after).length).toBe(after.length);
  });
});

test('what is no ELF program is refused', () => {
  expect(() => alignText(Buffer.from('#!/bin/sh\nexit 0\n'))).toThrow('no 64-bit little-endian ELF');
});
