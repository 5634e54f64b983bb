import { systemErrorCode } from '../base/failure.ts';
import { damaged } from './damage.ts';
import { checkExpansion } from './expansion-check.ts';
import { beforeAllocating } from './garbage.ts';
import { PIECE_SIZE } from './piece-size.ts';
import { type DataFrameHeader, frameLength, parseFrameHeader } from './zstd-frame.ts';

export interface FrameLimits {
  readonly maxRawSizeBytes: number;
  /** False only for frames that our encoder did not write. */
  readonly requireChecksum: boolean;
}

/**
 * The only door to zstd decompression: exactly one complete frame in, its raw content out, or `damaged`. The frame must
 * say its content size, and that must be within the limit; the checksum is verified where the frame has one.
 *
 * Bun.zstdDecompress, because Bun's node:zlib (1.4.5) accepts a frame whose end, checksum included, is missing. But
 * Bun.zstdDecompress takes several frames, or none, as well, so the length of the frame is found first.
 */
export async function decompressFrame(frame: Buffer, limits: FrameLimits): Promise<Buffer> {
  const contentSize = checkFrame(frame, limits);
  if (contentSize > PIECE_SIZE) await checkExpansion(frame, contentSize);
  beforeAllocating(contentSize);
  const raw = await decompress(frame);
  if (raw.length !== contentSize) {
    throw damaged(`has a zstd frame of ${raw.length} bytes that claims to hold ${contentSize}`);
  }
  return raw;
}

/** Throws `damaged` unless the header keeps to the limits and the frame is all there, with nothing behind it. */
function checkFrame(frame: Buffer, limits: FrameLimits): number {
  const header = parseFrameHeader(frame);
  if (header?.kind !== 'data') throw damaged('has no complete zstd frame where one should be');
  const contentSize = checkFrameHeader(header, limits);
  const length = frameLength(frame);
  if (length === undefined) throw damaged('ends within a zstd frame');
  if (length !== frame.length) throw damaged(`has ${frame.length - length} bytes after its zstd frame`);
  return contentSize;
}

/** The content size that the header claims; throws `damaged` when it has none, or more than the limit. */
export function checkFrameHeader(header: DataFrameHeader, limits: FrameLimits): number {
  const { contentSize } = header;
  if (contentSize === undefined) throw damaged('has a zstd frame without its content size');
  if (contentSize > limits.maxRawSizeBytes) {
    throw damaged(`has a zstd frame of ${contentSize} bytes where at most ${limits.maxRawSizeBytes} can be`);
  }
  if (limits.requireChecksum && !header.hasChecksum) throw damaged('has a zstd frame without a checksum');
  return contentSize;
}

async function decompress(frame: Buffer): Promise<Buffer> {
  try {
    return await Bun.zstdDecompress(frame);
  } catch (error) {
    if (systemErrorCode(error) === 'ERR_ZSTD') throw damaged('does not decompress', error);
    throw error;
  }
}
