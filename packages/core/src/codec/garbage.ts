/** How much the codec allocates between two collections, in bytes: three pieces. */
let allowanceBytes = 48 * 2 ** 20;

/** For a program that may hold more, because it lives for one job (a collection is a tenth of what copying costs), or must hold less. */
export function allowGarbage(bytes: number): void {
  allowanceBytes = bytes;
}

let allocatedBytes = 0;

/**
 * The codec calls this before it allocates `sizeBytes` outside of the JavaScript heap, whole pieces at a time; now and
 * then it has what was dropped before collected, at once.
 *
 * The collector goes by the heap, where such a buffer hardly shows: without this, decoding 16 MiB after 16 MiB took
 * 380 MiB at its peak under Bun 1.4.5, with it 125 MiB. A collection took 3 ms, and 30 ms with 400,000 objects alive.
 */
export function beforeAllocating(sizeBytes: number): void {
  allocatedBytes += sizeBytes;
  if (allocatedBytes <= allowanceBytes || typeof Bun === 'undefined') return;
  Bun.gc(true);
  allocatedBytes = sizeBytes;
}
