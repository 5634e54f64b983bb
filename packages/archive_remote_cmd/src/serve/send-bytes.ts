import { Fingerprint } from '@archive2/core/codec/fingerprint.ts';
import type { FrameWriter } from '@archive2/core/hosts/frame-writer.ts';
import { maxBodyBytes } from '@archive2/core/protocol/frame.ts';

/**
 * For a file that is sent: pieces as large as a frame may be. FrameWriter has two of them to write at most, a third is being made into
 * a frame, and the fourth read.
 */
export const sentPieces = { pieceBytes: maxBodyBytes, buffers: 5 };

/** Sends `data`… and `end` at the reader's pace: no more than two pieces wait in this process. */
export async function sendBytes(
  writer: FrameWriter,
  id: number,
  pieces: AsyncIterable<Buffer> | Iterable<Buffer>,
): Promise<void> {
  const fingerprint = new Fingerprint();
  let sizeBytes = 0;
  for await (const piece of pieces) {
    fingerprint.update(piece);
    sizeBytes += piece.length;
    writer.send({ type: 'data', id }, piece);
    await writer.waitForRoom();
  }
  writer.send({ type: 'end', id, sizeBytes, fingerprint: fingerprint.text() });
}
