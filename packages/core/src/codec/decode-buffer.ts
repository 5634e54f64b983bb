import { damaged } from './damage.ts';
import { decodeStored } from './stored-decoder.ts';

/**
 * Decodes a stored file that is in memory already; throws `damaged` unless its raw content has exactly
 * `rawSizeBytes`. For small files and segments up to 64 MiB: larger ones are for decodeStored.
 */
export async function decodeBuffer(stored: Buffer, rawSizeBytes: number): Promise<Buffer> {
  const limits = { minRawSizeBytes: rawSizeBytes, maxRawSizeBytes: rawSizeBytes };
  const pieces: Buffer[] = [];
  for await (const piece of decodeStored(once(stored), limits)) pieces.push(piece);
  const [first] = pieces;
  if (first === undefined) throw damaged('is empty');
  return pieces.length === 1 ? first : Buffer.concat(pieces, rawSizeBytes);
}

async function* once(stored: Buffer): AsyncGenerator<Buffer> {
  yield stored;
}
