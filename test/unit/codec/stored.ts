import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { Failure } from '../../../packages/core/src/base/failure.ts';
import type { FailureCode } from '../../../packages/core/src/base/failure-table.ts';
import { formatLabelFrame } from '../../../packages/core/src/codec/content-label.ts';
import { SegmentEncoder } from '../../../packages/core/src/codec/segment-encoder.ts';
import {
  type DecodeOptions,
  decodeStored,
  type RawSizeLimits,
  type StoredSummary,
} from '../../../packages/core/src/codec/stored-decoder.ts';
import { compressFrame } from '../../../packages/core/src/codec/zstd-compress.ts';

export interface StoredParts {
  frames: Buffer[];
  /** Empty after one frame, which has none. */
  label: Buffer;
  stored: Buffer;
  rawDigest: string;
}

export async function storedOf(pieces: Buffer[]): Promise<StoredParts> {
  const encoder = new SegmentEncoder(pieces.length);
  const frames: Buffer[] = [];
  for (const piece of pieces) frames.push(await joined(encoder.encode(piece.length, [piece])));
  const label = encoder.finish() ?? Buffer.alloc(0);
  return { frames, label, stored: Buffer.concat([...frames, label]), rawDigest: sha256(Buffer.concat(pieces)) };
}

export function labelFor(content: Buffer): Buffer {
  return formatLabelFrame({ rawSizeBytes: content.length, rawDigest: sha256(content) });
}

/** A whole file whose label fits, from frames that our encoder did not write. */
export function labelled(frames: Buffer[], content: Buffer): Buffer {
  return Buffer.concat([...frames, labelFor(content)]);
}

/** One piece as a frame. */
export async function frameOf(piece: Buffer): Promise<Buffer> {
  return await joined(compressFrame(piece.length, [piece]));
}

export async function joined(parts: AsyncIterable<Buffer>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(parts));
}

export async function* inChunks(bytes: Buffer, chunkBytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

/** In parts of one buffer that is filled anew for each. */
export async function* overwritten(bytes: Buffer, partBytes: number): AsyncGenerator<Buffer> {
  const buffer = Buffer.alloc(partBytes);
  for await (const part of inChunks(bytes, partBytes)) {
    yield buffer.subarray(0, part.copy(buffer));
    buffer.fill(0xee);
  }
}

export interface Decoded {
  pieces: Buffer[];
  content: Buffer;
  summary: StoredSummary;
}

export async function decoded(
  chunks: AsyncIterable<Buffer>,
  limits: RawSizeLimits,
  options?: DecodeOptions,
): Promise<Decoded> {
  const decoder = decodeStored(chunks, limits, options);
  const pieces: Buffer[] = [];
  for (;;) {
    const step = await decoder.next();
    if (step.done) return { pieces, content: Buffer.concat(pieces), summary: step.value };
    pieces.push(step.value);
  }
}

const anySize: RawSizeLimits = { maxRawSizeBytes: 2 ** 30 };

/** Decodes a whole file, frame by frame. That passing pieces say the same of it is expected here, whatever the test is about. */
export async function decodedFile(
  stored: Buffer,
  limits: RawSizeLimits = anySize,
  options: DecodeOptions = {},
): Promise<Decoded> {
  const whole = decoded(inChunks(stored, 65_536), limits, options);
  // Where no digest is wanted of one frame, theirs is computed all the same unless the limits say that it is alone.
  if (options.digest !== 'of_several_frames') {
    const passing = decodedPassing(inChunks(stored, 65_536), limits, options);
    expect(await passing.then(described, codeOf)).toEqual(await whole.then(described, codeOf));
  }
  return await whole;
}

/** The same in pieces that are overwritten by the next one. */
export async function decodedPassing(
  chunks: AsyncIterable<Buffer>,
  limits: RawSizeLimits,
  options: DecodeOptions = {},
): Promise<Omit<Decoded, 'pieces'>> {
  const decoder = decodeStored(chunks, limits, { ...options, pieces: 'passing' });
  const copies: Buffer[] = [];
  for (;;) {
    const step = await decoder.next();
    if (step.done) return { content: Buffer.concat(copies), summary: step.value };
    copies.push(Buffer.from(step.value));
  }
}

const codeOf = (error: unknown) => (error instanceof Failure ? error.code : error);
const described = ({ content, summary }: Omit<Decoded, 'pieces'>) => ({ content: sha256(content), summary });
export const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** The Failure with this code that `work` must end with. */
export async function failureFrom(code: FailureCode, work: Promise<unknown>): Promise<Failure> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Failure);
  const failure = error as Failure;
  expect(failure.code, failure.message).toBe(code);
  return failure;
}
