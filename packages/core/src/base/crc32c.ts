import { foldContent, foldedBytes, longestFoldBytes } from './crc32c-fold.ts';
import { registerAfter } from './crc32c-tables.ts';

/** Less is not worth the folding. */
const shortestFoldBytes = 2 * foldedBytes;

/**
 * Continues a CRC-32C (Castagnoli), as backup_manifest and WAL records have it, over more bytes; begins with 0. Little-endian machines
 * only. No runtime has it, only other CRCs.
 */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  let register = ~previous;
  let at = 0;
  while (bytes.length - at >= shortestFoldBytes) {
    const count = Math.min(longestFoldBytes, bytes.length - at) & ~15;
    register = registerAfter(foldContent(bytes.subarray(at, at + count), register), 0);
    at += count;
  }
  return ~registerAfter(bytes.subarray(at), register) >>> 0;
}
