/** Deterministic content that compresses about as WAL does: pages with a header, some noise, and repeated rows. */
export function walLike(sizeBytes: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  let state = (seed * 2654435761) >>> 0 || 1;
  for (let at = 0; at < sizeBytes; at += 4) {
    // xorshift32
    state = (state ^ (state << 13)) >>> 0;
    state = (state ^ (state >>> 17)) >>> 0;
    state = (state ^ (state << 5)) >>> 0;
    const inNoise = at % 8192 < 1024;
    const value = inNoise ? state : at & 0x3c;
    for (let i = 0; i < 4 && at + i < sizeBytes; i++) bytes[at + i] = (value >>> (8 * i)) & 0xff;
  }
  return bytes;
}
