import { constants, createZstdCompress, type ZstdCompress, type ZstdOptions } from 'node:zlib';
import { beforeAllocating } from './garbage.ts';
import { PIECE_SIZE } from './piece-size.ts';
import { parseFrameHeader } from './zstd-frame.ts';

/** Level 1: WAL arrives faster than the higher levels compress it, and they save little on it. */
const compressionLevel = 1;

/**
 * The shortest repetition that is looked for, in bytes. The level's own is 7: with 5, pgbench's WAL became 18 % smaller in the same time,
 * and whatever comes after (digests, two encryptions, two disks) has that much less to do.
 */
const shortestMatch = 5;

/** 256 KiB, half of the level's own: what is looked up stays in a core's own cache. A tenth faster, and the result 0.7 % larger. */
const windowLog = 18;

/** What is made comes in buffers of this size. */
const chunkSize = 2 ** 18;

/**
 * Compresses content of 1 byte to PIECE_SIZE, which comes in pieces, into one zstd frame that has its content size and an XXH64
 * checksum. The frame comes as it is made, in parts to keep, so that it can be on its way while the rest is compressed.
 *
 * Runs on libuv's threads; a piece must not change until the next one is asked for. Throws an Error when the content has another size
 * than was said. Not Bun.zstdCompress: it writes no checksum.
 */
export async function* compressFrame(
  sizeBytes: number,
  content: Iterable<Buffer> | AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  if (sizeBytes < 1 || sizeBytes > PIECE_SIZE) throw new RangeError(`a frame cannot hold ${sizeBytes} bytes`);
  let isFirst = true;
  for await (const part of compressedParts(sizeBytes, content)) {
    if (isFirst) checkHeader(part, sizeBytes);
    isFirst = false;
    beforeAllocating(part.length);
    yield part;
  }
}

/** A runtime that stopped honouring the flags would make files that every reader refuses. */
function checkHeader(frameStart: Buffer, contentSize: number): void {
  const header = parseFrameHeader(frameStart);
  if (header?.kind === 'data' && header.contentSize === contentSize && header.hasChecksum) return;
  throw new Error('the runtime compressed without a content size or a checksum');
}

async function* compressedParts(
  sizeBytes: number,
  content: Iterable<Buffer> | AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const stream = openStream(sizeBytes);
  const parts: Buffer[] = [];
  stream.on('data', (part: Buffer) => parts.push(part));
  const ended = new Promise<void>((resolve, reject) => stream.once('end', resolve).once('error', reject));
  ended.catch(() => undefined);
  try {
    for await (const piece of content) {
      await Promise.race([written(stream, piece), ended]);
      yield* parts.splice(0);
    }
    stream.end();
    await ended;
    yield* parts;
  } finally {
    stream.destroy();
  }
}

function written(stream: ZstdCompress, piece: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(piece, (error) => (error ? reject(error) : resolve()));
  });
}

function openStream(contentSize: number): ZstdCompress {
  const { ZSTD_c_compressionLevel, ZSTD_c_windowLog, ZSTD_c_minMatch } = constants;
  const { ZSTD_c_checksumFlag, ZSTD_c_contentSizeFlag } = constants;
  const params = {
    [ZSTD_c_compressionLevel]: compressionLevel,
    [ZSTD_c_windowLog]: windowLog,
    [ZSTD_c_minMatch]: shortestMatch,
    [ZSTD_c_checksumFlag]: 1,
    [ZSTD_c_contentSizeFlag]: 1,
  };
  // Known to Node and Bun, and not yet to the types.
  const options: ZstdOptions & { pledgedSrcSize: number } = { chunkSize, params, pledgedSrcSize: contentSize };
  return createZstdCompress(options);
}
