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

/** In small pieces, good until the next one is asked for: with nothing allocated, at a third of the cost. */
export async function* passingFrame(
  input: StoredInput,
  header: DataFrameHeader,
  limits: FrameLimits,
): AsyncGenerator<Buffer> {
  const contentSize = sizeOf(header, limits);
  const mostStoredBytes = largestStoredFrame(contentSize);
  const decompressor = new ZstdDecompressor();
  const end = new ZstdFrameEnd();
  let [storedBytes, rawSizeBytes] = [0, 0];
  try {
    while (!end.isComplete) {
      const bytes = await input.next();
      if (bytes === undefined) throw damaged('ends within a zstd frame');
      const ofFrame = bytes.subarray(0, end.follow(bytes));
      storedBytes += ofFrame.length;
      if (storedBytes > mostStoredBytes) throw damaged('has a zstd frame that is longer than its content allows');
      for (const piece of decompressor.take(ofFrame)) {
        rawSizeBytes += piece.length;
        if (rawSizeBytes > contentSize)
          throw damaged(`has a zstd frame that holds more than the ${contentSize} it claims`);
        yield piece;
      }
      input.putBack(bytes.subarray(ofFrame.length));
    }
  } finally {
    decompressor.close();
  }
  if (rawSizeBytes === contentSize) return;
  throw damaged(`has a zstd frame of ${rawSizeBytes} bytes that claims to hold ${contentSize}`);
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
