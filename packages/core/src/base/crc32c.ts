import { foldedWords, foldWords } from './crc32c-fold.ts';
import { registerAfter } from './crc32c-tables.ts';

/** Less is not worth the folding. */
const shortestFoldBytes = 4 * foldedWords * 2;

/**
 * Continues a CRC-32C (Castagnoli), as backup_manifest and WAL records have it, over more bytes; begins with 0. Little-endian machines
 * only. No runtime has it, only other CRCs.
 */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  let register = ~previous;
  let rest = bytes;
  if (bytes.length >= shortestFoldBytes) {
    const unaligned = (4 - (bytes.byteOffset & 3)) & 3;
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + unaligned, (bytes.length - unaligned) >> 2);
    register = registerAfter(bytes.subarray(0, unaligned), register);
    const folded = foldWords(words, register);
    register = registerAfter(new Uint8Array(folded.buffer), 0);
    rest = bytes.subarray(unaligned + words.byteLength);
  }
  return ~registerAfter(rest, register) >>> 0;
}
