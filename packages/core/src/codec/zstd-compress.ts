// The namespace, not the name: under a Node without zstd this module must still load.
import * as zlib from 'node:zlib';
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

/** With the default of 16 kB the output is collected in a thousand parts. */
const chunkSize = 2 ** 20;

/**
 * Compresses 1 byte to PIECE_SIZE into one zstd frame that has its content size and an XXH64 checksum.
 *
 * Runs on libuv's threads, one per call; `piece` must not change until the promise is settled. Not Bun.zstdCompress: it
 * writes no checksum.
 */
export async function compressPiece(piece: Buffer): Promise<Buffer> {
  if (piece.length < 1 || piece.length > PIECE_SIZE) throw new RangeError(`a piece cannot have ${piece.length} bytes`);
  const frame = await compress(piece);
  // After the fact, when its size is known: once in chunks, and once as a whole.
  beforeAllocating(frame.length * 2);
  const header = parseFrameHeader(frame);
  // A runtime that stopped honouring the flags would make files that every reader refuses.
  if (header?.kind !== 'data' || header.contentSize !== piece.length || !header.hasChecksum) {
    throw new Error('the runtime compressed without a content size or a checksum');
  }
  return frame;
}

function compress(piece: Buffer): Promise<Buffer> {
  const { ZSTD_c_compressionLevel, ZSTD_c_windowLog, ZSTD_c_minMatch } = zlib.constants;
  const { ZSTD_c_checksumFlag, ZSTD_c_contentSizeFlag } = zlib.constants;
  const params = {
    [ZSTD_c_compressionLevel]: compressionLevel,
    [ZSTD_c_windowLog]: windowLog,
    [ZSTD_c_minMatch]: shortestMatch,
    [ZSTD_c_checksumFlag]: 1,
    [ZSTD_c_contentSizeFlag]: 1,
  };
  return new Promise((resolve, reject) => {
    zlib.zstdCompress(piece, { chunkSize, params }, (error, frame) => (error ? reject(error) : resolve(frame)));
  });
}
