import { giveSentRing, takeSentRing } from '@archive2/core/archive/sent-ring.ts';
import type { StoredFile } from '@archive2/core/archive/stored-file.ts';
import { Fingerprint } from '@archive2/core/codec/fingerprint.ts';
import type { FrameWriter } from '@archive2/core/hosts/frame-writer.ts';

/** Sends a file, from `offset` on, as sendBytes does. */
export async function sendContent(
  writer: FrameWriter,
  id: number,
  file: Pick<StoredFile, 'chunksAhead'>,
  offset = 0,
): Promise<void> {
  const ring = takeSentRing();
  await sendBytes(writer, id, file.chunksAhead({ ...ring, offset }));
  writer.whenWritten(() => giveSentRing(ring));
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
