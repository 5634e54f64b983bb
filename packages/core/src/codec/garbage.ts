import { edenGC, fullGC } from 'bun:jsc';

/** How much is allocated between two collections, in bytes. */
let allowanceBytes = 16 * 2 ** 20;
/** One collection of so many looks at all objects, the others at what was made since the one before. */
const fullEvery = 4;

/** For a program that has so many objects alive that to look at them all takes long. */
export function allowGarbage(bytes: number): void {
  allowanceBytes = bytes;
}

let allocatedBytes = 0;
let collections = 0;

/**
 * The codec calls this before it allocates `sizeBytes` outside of the JavaScript heap, whole pieces at a time; now and
 * then it has what was dropped before collected, at once.
 *
 * The collector goes by the heap, where such a buffer hardly shows: without this, decoding 16 MiB after 16 MiB took
 * 380 MiB at its peak under Bun 1.4.5, with it 125 MiB. A collection of what is young takes 0.2 ms, of all 0.4, in a busy agent 2 and 9,
 * and 30 with 400,000 objects alive. Not Bun.gc(true): it has the allocator give back what it has free, which is then faulted in again page by page.
 */
export function beforeAllocating(sizeBytes: number): void {
  allocatedBytes += sizeBytes;
  if (allocatedBytes <= allowanceBytes) return;
  collections += 1;
  if (collections % fullEvery === 0) fullGC();
  else edenGC();
  allocatedBytes = sizeBytes;
}

const forOne = new WeakSet<ArrayBufferLike>();

/** A buffer for something that is handed on: whoever gets a part of it, and nothing else of it is looked at, owns its memory. */
export function bufferForOne(sizeBytes: number): Buffer {
  const made = Buffer.allocUnsafeSlow(sizeBytes);
  forOne.add(made.buffer);
  return made;
}

/** True where nobody but who has this part can look at its memory: it is all of it, or was made for one. */
export function ownsMemory(part: Buffer): boolean {
  return part.length === part.buffer.byteLength || forOne.has(part.buffer);
}

/**
 * Gives the memory of a part back at once, which nobody looks at any more: who does finds it empty. The collector would come to it only
 * after others were allocated, and comes late to what has outlived a collection; what is allocated next then lies in the same memory, which
 * the processor still has at hand (docs/decisions.md, 139).
 */
export function giveMemoryBack({ buffer }: Buffer): void {
  // A small one may share its memory with others.
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength <= Buffer.poolSize) return;
  allocatedBytes = Math.max(0, allocatedBytes - buffer.byteLength);
  buffer.transfer(0);
}
