import { damaged } from './damage.ts';
import { ZstdDecompressor } from './zstd-decompressor.ts';
import { ZstdFrameEnd } from './zstd-frame-end.ts';

/** After so much the process looks at what else there is: signals, other files. Some 5 ms. */
const turnBytes = 16 * 2 ** 20;

/**
 * Decompresses one zstd frame of any size as it comes, such as a tar that PostgreSQL has compressed. Throws `damaged` for a frame
 * that is cut, that has something behind it, or that does not decompress. Without a checksum in the frame, and PostgreSQL writes
 * none, whoever reads the content has to know what it should be.
 *
 * A piece is good until the next one is asked for, and one of `source` until we ask for its next.
 */
export async function* decompressStream(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const decompressor = new ZstdDecompressor();
  const end = new ZstdFrameEnd();
  let sinceTurn = 0;
  try {
    for await (const stored of source) {
      end.take(stored);
      for (const piece of decompressor.take(stored)) {
        yield piece;
        sinceTurn += piece.length;
        if (sinceTurn < turnBytes) continue;
        sinceTurn = 0;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    if (!end.isComplete) throw damaged('ends within its zstd frame');
  } finally {
    decompressor.close();
  }
}
