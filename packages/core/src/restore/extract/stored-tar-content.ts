import { damaged } from '../../codec/damage.ts';
import { StoredInput } from '../../codec/stored-input.ts';
import { decompressFrame } from '../../codec/zstd-decompress.ts';
import { type DataFrameHeader, parseFrameHeader, walkBlocks } from '../../codec/zstd-frame.ts';
import { decompressStream } from '../../codec/zstd-stream.ts';

/** Above the frames of 4 MiB that base-backup makes where the server did not compress. */
const largestWholeFrameBytes = 64 * 2 ** 20;

/**
 * The content of a stored tar, compressed or not. A compressed one is either one frame of any size, as PostgreSQL writes it, or
 * frames that say what they hold. Pieces are good until the next one is asked for, and may be large. Throws `damaged`.
 */
export async function* storedTarContent(file: string, stored: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (!file.endsWith('.zst')) {
    yield* stored;
    return;
  }
  const input = new StoredInput(stored);
  try {
    const first = await readHeader(input);
    if (isOfWholeFrames(first)) yield* wholeFrames(input, first);
    else yield* decompressStream(input.rest());
  } finally {
    await input.close();
  }
}

function isOfWholeFrames({ contentSize }: DataFrameHeader): boolean {
  return contentSize !== undefined && contentSize <= largestWholeFrameBytes;
}

async function* wholeFrames(input: StoredInput, first: DataFrameHeader): AsyncGenerator<Buffer> {
  for (let header = first; ; header = await readHeader(input)) {
    if (!isOfWholeFrames(header)) throw damaged('has a zstd frame among others that does not say what it holds');
    yield await readFrame(input, header);
    if (await input.isAtEnd()) return;
  }
}

async function readHeader(input: StoredInput): Promise<DataFrameHeader> {
  for (let count = 5; ; count += 1) {
    if (!(await input.fill(count))) throw damaged("ends within a zstd frame's header");
    const header = parseFrameHeader(input.bytes);
    if (header?.kind === 'skippable') throw damaged('has a skippable zstd frame');
    if (header !== undefined) return header;
  }
}

async function readFrame(input: StoredInput, header: DataFrameHeader): Promise<Buffer> {
  const mostStoredBytes = 2 * (header.contentSize ?? 0) + 2 ** 16;
  let walk = walkBlocks(input.bytes, header, header.headerBytes);
  for (;;) {
    if (walk.neededBytes > mostStoredBytes) throw damaged('has a zstd frame that is longer than its content allows');
    if (!(await input.fill(walk.neededBytes))) throw damaged('ends within a zstd frame');
    if (walk.isComplete) break;
    walk = walkBlocks(input.bytes, header, walk.offset);
  }
  const limits = { maxRawSizeBytes: largestWholeFrameBytes, requireChecksum: false };
  const content = await decompressFrame(input.bytes, limits);
  input.discard();
  return content;
}
