import * as zlib from 'node:zlib';
import { damaged } from './damage.ts';

const chunkSize = 2 ** 20;

/**
 * Throws `damaged` when a complete frame holds more than `contentSize` bytes: a decompression bomb whose header lies.
 *
 * Bun.zstdDecompress (1.4.5) does not stop at the content size of a frame that claims more than 16 MiB: 32 kB grew to
 * 1 GB before it failed. So such a frame, which only the zstd program and never our encoder writes, is first
 * decompressed once into nothing. node:zlib is good enough here: its output is counted and thrown away.
 */
export async function checkExpansion(frame: Buffer, contentSize: number): Promise<void> {
  const decompressor = zlib.createZstdDecompress({ chunkSize });
  let sizeBytes = 0;
  try {
    decompressor.end(frame);
    for await (const part of decompressor) {
      sizeBytes += (part as Buffer).length;
      if (sizeBytes > contentSize) throw damaged(`has a zstd frame that holds more than the ${contentSize} it claims`);
    }
  } catch (error) {
    if (sizeBytes > contentSize) throw error;
    throw damaged('does not decompress', error);
  } finally {
    decompressor.destroy();
  }
}
