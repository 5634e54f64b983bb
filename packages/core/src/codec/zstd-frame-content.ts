import { damaged } from './damage.ts';
import type { StoredInput } from './stored-input.ts';
import { checkFrameHeader, decompressFrame, type FrameLimits } from './zstd-decompress.ts';
import { ZstdDecompressor } from './zstd-decompressor.ts';
import { type DataFrameHeader, walkBlocks } from './zstd-frame.ts';
import { ZstdFrameEnd } from './zstd-frame-end.ts';

/** The content of the frame whose header `input` holds, and nothing else yet. Throws `damaged` unless it keeps to its header and the limits. */
export type FrameContent = (input: StoredInput, header: DataFrameHeader, limits: FrameLimits) => AsyncGenerator<Buffer>;

/** As one piece, the reader's to keep. */
export async function* wholeFrame(
  input: StoredInput,
  header: DataFrameHeader,
  limits: FrameLimits,
): AsyncGenerator<Buffer> {
  const mostStoredBytes = largestStoredFrame(sizeOf(header, limits));
  let walk = walkBlocks(input.bytes, header, header.headerBytes);
  for (;;) {
    if (walk.neededBytes > mostStoredBytes) throw damaged('has a zstd frame that is longer than its content allows');
    if (!(await input.fill(walk.neededBytes))) throw damaged('ends within a zstd frame');
    if (walk.isComplete) break;
    walk = walkBlocks(input.bytes, header, walk.offset);
  }
  const raw = await decompressFrame(input.bytes, limits);
  input.discard();
  yield raw;
}

/**
 * In pieces of `pieceBytes`, the last one shorter, good until the next one is asked for: with nothing allocated, at a third of the
 * cost.
 */
export function passingFrame(pieceBytes: number): FrameContent {
  return async function* passing(input, header, limits) {
    const contentSize = sizeOf(header, limits);
    const mostStoredBytes = largestStoredFrame(contentSize);
    const decompressor = spareDecompressor(pieceBytes) ?? new ZstdDecompressor(pieceBytes);
    const end = new ZstdFrameEnd();
    let [storedBytes, rawSizeBytes] = [0, 0];
    const counted = (piece: Buffer): Buffer => {
      rawSizeBytes += piece.length;
      if (rawSizeBytes <= contentSize) return piece;
      throw damaged(`has a zstd frame that holds more than the ${contentSize} it claims`);
    };
    let isWhole = false;
    try {
      while (!end.isComplete) {
        const bytes = await input.next();
        if (bytes === undefined) throw damaged('ends within a zstd frame');
        const ofFrame = bytes.subarray(0, end.follow(bytes));
        storedBytes += ofFrame.length;
        if (storedBytes > mostStoredBytes) throw damaged('has a zstd frame that is longer than its content allows');
        for (const piece of decompressor.fill(ofFrame)) yield counted(piece);
        input.putBack(bytes.subarray(ofFrame.length));
      }
      for (const piece of decompressor.rest()) yield counted(piece);
      isWhole = rawSizeBytes === contentSize;
    } finally {
      if (isWhole && spareDecompressors.length < mostSpareDecompressors) spareDecompressors.push(decompressor);
      else decompressor.close();
    }
    if (!isWhole) throw damaged(`has a zstd frame of ${rawSizeBytes} bytes that claims to hold ${contentSize}`);
  };
}

/** Of frames that were whole, for the next ones: what a new one faults in costs half a millisecond. */
const spareDecompressors: ZstdDecompressor[] = [];
const mostSpareDecompressors = 4;

function spareDecompressor(outputBytes: number): ZstdDecompressor | undefined {
  const at = spareDecompressors.findIndex((spare) => spare.outputBytes === outputBytes);
  return at < 0 ? undefined : spareDecompressors.splice(at, 1)[0];
}

function sizeOf(header: DataFrameHeader, limits: FrameLimits): number {
  const contentSize = checkFrameHeader(header, limits);
  if (contentSize === 0) throw damaged('has an empty zstd frame');
  return contentSize;
}

/** Above ZSTD_COMPRESSBOUND for any content, so a frame of endless empty blocks is not collected in memory. */
function largestStoredFrame(contentSize: number): number {
  return contentSize + Math.ceil(contentSize / 128) + 2 ** 16;
}
