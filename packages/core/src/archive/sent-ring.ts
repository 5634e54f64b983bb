import { maxBodyBytes } from '../protocol/frame.ts';

/**
 * For a file that is sent: pieces as large as a frame may be. FrameWriter has two of them to write at most, a third is being made into
 * a frame, and the fourth read.
 */
const sentPieces = { pieceBytes: maxBodyBytes, buffers: 5 };

/** Of files that were sent, for the next ones: to fault in new ones costs more than to read the file. */
const spareRings: Buffer[][] = [];
const mostSpareRings = 2;

export interface SentRing {
  readonly pieceBytes: number;
  readonly buffers: number;
  readonly ring: Buffer[];
}

/** How to read a file that is sent (StoredFile.chunksAhead). */
export function takeSentRing(): SentRing {
  return { ...sentPieces, ring: spareRings.pop() ?? [] };
}

/** To be called when all that was read into it was written. Where that is never known, it is left to the collector. */
export function giveSentRing({ ring }: SentRing): void {
  if (spareRings.length < mostSpareRings) spareRings.push(ring);
}
