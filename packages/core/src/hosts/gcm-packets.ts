/**
 * SSH packets under AES-GCM (RFC 5647): their length in clear, then encrypted the length of the padding, the payload and the padding, then
 * the tag.
 */

export const lengthBytes = 4;
export const headBytes = lengthBytes + 1;
export const leastPaddingBytes = 4;
export const blockBytes = 16;
export const tagBytes = 16;

/** From one packet to the next: the nonce is four bytes that stay, and a counter of eight. */
export function countUp(iv: Buffer): void {
  for (let at = iv.length - 1; at >= 4; at -= 1) {
    iv[at] = ((iv[at] ?? 0) + 1) & 0xff;
    if (iv[at] !== 0) return;
  }
}

/** Tells of the value of a property, which a new exchange of keys sets again. */
export function followProperty<Name extends string>(
  owner: Record<Name, unknown>,
  name: Name,
  hear: (value: unknown) => void,
): void {
  let current = owner[name];
  hear(current);
  Object.defineProperty(owner, name, {
    get: () => current,
    set: (next: unknown) => {
      current = next;
      hear(next);
    },
  });
}
