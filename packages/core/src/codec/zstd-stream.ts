// The namespace, not the name: under a Node without zstd this module must still load.
import * as zlib from 'node:zlib';
import { systemErrorCode } from '../base/failure.ts';
import { damaged } from './damage.ts';
import { beforeAllocating } from './garbage.ts';
import { ZstdFrameEnd } from './zstd-frame-end.ts';

const chunkSize = 2 ** 18;

/**
 * Decompresses one zstd frame of any size as it comes, such as a tar that PostgreSQL has compressed. Throws `damaged` for a frame
 * that is cut, that has something behind it, or that does not decompress. Without a checksum in the frame, and PostgreSQL writes
 * none, whoever reads the content has to know what it should be.
 *
 * A piece of `source` may be used again when the next one is asked for.
 */
export async function* decompressStream(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const decompressor = zlib.createZstdDecompress({ chunkSize });
  const feeding = feed(source, decompressor);
  feeding.catch((error: unknown) => decompressor.destroy(error instanceof Error ? error : new Error(String(error))));
  try {
    for await (const piece of decompressor) {
      // At once, or the memory is not bounded: without it, or with collections that are only asked for, 1.5 GB took up to 180 MiB.
      beforeAllocating((piece as Buffer).length);
      yield piece as Buffer;
    }
    await feeding;
  } catch (error) {
    throw systemErrorCode(error)?.startsWith('ZSTD_') || systemErrorCode(error)?.startsWith('ERR_ZSTD')
      ? damaged('does not decompress', error)
      : error;
  } finally {
    decompressor.destroy();
  }
}

async function feed(source: AsyncIterable<Buffer>, decompressor: zlib.ZstdDecompress): Promise<void> {
  const end = new ZstdFrameEnd();
  for await (const piece of source) {
    end.take(piece);
    await new Promise<void>((resolve, reject) => {
      // When the other side has given up there may be no callback.
      decompressor.once('close', resolve);
      decompressor.write(piece, (error) => {
        decompressor.removeListener('close', resolve);
        if (error) reject(error);
        else resolve();
      });
    });
    if (decompressor.destroyed) return;
  }
  if (!end.isComplete) throw damaged('ends within its zstd frame');
  decompressor.end();
}
