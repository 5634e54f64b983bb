/**
 * x^(32·209) + x^(32·144) + x^(32·54) + x^(32·39) + x^(32·14) + 1 is a multiple of the polynomial of CRC-32C: the shortest with six
 * terms that are whole words apart (none has fewer than four, and the shortest of those is 5275 words long). So a word of the content
 * may be dropped if it is added (XOR) to the five words 65, 155, 170, 195 and 209 places behind it: the CRC stays.
 */
const degree = 209;
const terms = [144, 54, 39, 14] as const;

/** How many words are dropped between two moves of what they leave; all of it stays in the processor's nearest cache. */
const blockWords = 4096;

/** The words that were dropped last, `degree` of them, and then those of the block. */
const dropped = new Int32Array(degree + blockWords);
const block = dropped.subarray(degree);
const [behind65, behind155, behind170, behind195] = terms.map((term) => dropped.subarray(term)) as [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
];

/** How many words are left of any number of them. */
export const foldedWords = degree;

const folded = new Int32Array(foldedWords);

/**
 * The last `foldedWords` of the words with all that went before them added in: with a register of 0 they have the CRC that the words
 * have with `register`. No step waits for the one before it, so this is twice as fast as tables: 3.5 GB/s. The result is overwritten
 * by the next call. Takes more than `foldedWords`.
 */
export function foldWords(words: Int32Array, register: number): Int32Array {
  dropped.fill(0, 0, degree);
  // As if a word with it had been dropped `degree` places before the first one.
  dropped[0] = register;
  const end = words.length - degree;
  for (let at = 0; at < end; at += blockWords) {
    const count = Math.min(blockWords, end - at);
    addAll(block, words.subarray(at, at + count));
    dropped.copyWithin(0, count, count + degree);
  }
  // Of the words that stay none is dropped, so none adds to another.
  block.fill(0, 0, degree);
  addAll(folded, words.subarray(end));
  return folded;
}

/** Each word with those added that were dropped before it. */
function addAll(sums: Int32Array, words: Int32Array): void {
  for (let index = 0; index < words.length; index += 1) {
    sums[index] =
      (words[index] as number) ^
      (behind65[index] as number) ^
      (behind155[index] as number) ^
      (behind170[index] as number) ^
      (behind195[index] as number) ^
      (dropped[index] as number);
  }
}
