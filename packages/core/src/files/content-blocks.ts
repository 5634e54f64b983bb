import { pageAligned } from './page-aligned.ts';

/** Large pieces cost the kernel and the disk less; a compressed segment is often smaller than this. */
export const blockBytes = 2 ** 20;

/** Kept for the files to come. */
const mostFree = 16;

/** Part of a file's content, in memory. */
export interface ContentBlock {
  /** `blockBytes` of them, at a page of the machine's. */
  readonly bytes: Buffer;
  /** Where in the file it begins. */
  readonly start: number;
  /** From its beginning. */
  usedBytes: number;
  /** The disk has all of it. */
  isWritten: boolean;
  /** A reader looks at its bytes themselves. */
  isLent: boolean;
}

const free: Buffer[] = [];
let takenCount = 0;

/** How many blocks hold content in this process. */
export function blocksTaken(): number {
  return takenCount;
}

export function takeBlock(start: number): ContentBlock {
  takenCount += 1;
  return { bytes: free.pop() ?? pageAligned(blockBytes), start, usedBytes: 0, isWritten: false, isLent: false };
}

/** Nobody may look at its bytes any more. */
export function giveBlock({ bytes }: ContentBlock): void {
  takenCount -= 1;
  if (free.length < mostFree) free.push(bytes);
}
