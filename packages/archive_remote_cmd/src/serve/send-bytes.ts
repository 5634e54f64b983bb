import { createHash } from 'node:crypto';
import type { FrameWriter } from '@archive2/core/hosts/frame-writer.ts';

/** Sends `data`… and `end` at the reader's pace: no more than one piece waits in this process. */
export async function sendBytes(
  writer: FrameWriter,
  id: number,
  pieces: AsyncIterable<Buffer> | Iterable<Buffer>,
): Promise<void> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const piece of pieces) {
    hash.update(piece);
    sizeBytes += piece.length;
    writer.send({ type: 'data', id }, piece);
    await writer.waitForRoom();
  }
  writer.send({ type: 'end', id, sizeBytes, sha256: hash.digest('hex') });
}
