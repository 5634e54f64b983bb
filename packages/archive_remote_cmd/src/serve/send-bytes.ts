import type { StoredFile } from '@archive2/core/archive/stored-file.ts';
import { Fingerprint } from '@archive2/core/codec/fingerprint.ts';
import type { FrameWriter } from '@archive2/core/hosts/frame-writer.ts';
import { maxBodyBytes } from '@archive2/core/protocol/frame.ts';

/**
 * For a file that is sent: pieces as large as a frame may be. FrameWriter has two of them to write at most, a third is being made into
 * a frame, and the fourth read.
 */
const sentPieces = { pieceBytes: maxBodyBytes, buffers: 5 };

/** Of files that were sent, for the next ones: to fault in new ones costs more than to read the file. */
const spareRings: Buffer[][] = [];
const mostSpareRings = 2;

/** Sends a file, from `offset` on, as sendBytes does. */
export async function sendContent(
  writer: FrameWriter,
  id: number,
  file: Pick<StoredFile, 'chunksAhead'>,
  offset = 0,
): Promise<void> {
  const ring = spareRings.pop() ?? [];
  await sendBytes(writer, id, file.chunksAhead({ ...sentPieces, offset, ring }));
  writer.whenWritten(() => {
    if (spareRings.length < mostSpareRings) spareRings.push(ring);
  });
}

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
