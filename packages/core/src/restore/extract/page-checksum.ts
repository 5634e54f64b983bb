/** BLCKSZ of every PostgreSQL that we know of. */
export const pageBytes = 8192;
export const pageWords = pageBytes / 4;

const lanes = 32;
const prime = 16_777_619;

/** Source: checksumBaseOffsets in PostgreSQL 18 src/include/storage/checksum_impl.h. */
const baseOffsets = Int32Array.of(
  0x5b1f36e9,
  0xb8525960,
  0x02ab50aa,
  0x1de66d2a,
  0x79ff467a,
  0x9bb9f8a3,
  0x217e7cd2,
  0x83e13d2c,
  0xf8d4474f,
  0xe39eb970,
  0x42c6ae16,
  0x993216fa,
  0x7b093b5d,
  0x98daff3c,
  0xf718902a,
  0x0b1c9cdb,
  0xe58f764b,
  0x187636bc,
  0x5d7b3bb1,
  0xe73de7de,
  0x92bec979,
  0xcca6c0b2,
  0x304a0979,
  0x85aa43d4,
  0x783125bb,
  0x6ca8eaa2,
  0xe407eac6,
  0x4b5cfc3e,
  0x9fbf8c76,
  0x15ca20be,
  0xf2ca9fd3,
  0x959bd756,
);

/**
 * The checksum that a page should have: pg_checksum_page of PostgreSQL, 32 lanes of a variant of FNV-1a over the page without the
 * checksum itself, and the block's number. `words` is any number of whole pages, and `from` the first word of the one that is meant.
 *
 * Four lanes at a time, as their steps do not wait for one another.
 */
export function pageChecksum(words: Int32Array, from: number, block: number): number {
  const end = from + pageWords;
  const checksumWord = from + 2;
  const kept = words[checksumWord] as number;
  // pd_checksum is its lower half.
  words[checksumWord] = kept & 0xffff_0000;
  let all = 0;
  for (let lane = 0; lane < lanes; lane += 4) {
    let a = baseOffsets[lane] as number;
    let b = baseOffsets[lane + 1] as number;
    let c = baseOffsets[lane + 2] as number;
    let d = baseOffsets[lane + 3] as number;
    let mixed = 0;
    for (let at = from + lane; at < end; at += lanes) {
      mixed = a ^ (words[at] as number);
      a = Math.imul(mixed, prime) ^ (mixed >>> 17);
      mixed = b ^ (words[at + 1] as number);
      b = Math.imul(mixed, prime) ^ (mixed >>> 17);
      mixed = c ^ (words[at + 2] as number);
      c = Math.imul(mixed, prime) ^ (mixed >>> 17);
      mixed = d ^ (words[at + 3] as number);
      d = Math.imul(mixed, prime) ^ (mixed >>> 17);
    }
    all ^= afterZeros(a) ^ afterZeros(b) ^ afterZeros(c) ^ afterZeros(d);
  }
  words[checksumWord] = kept;
  return (((all ^ block) >>> 0) % 65_535) + 1;
}

/** Two more steps with zeros, which mix the last words in. */
function afterZeros(lane: number): number {
  const once = Math.imul(lane, prime) ^ (lane >>> 17);
  return Math.imul(once, prime) ^ (once >>> 17);
}
