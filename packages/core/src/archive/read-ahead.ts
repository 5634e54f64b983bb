import type { FileHandle } from 'node:fs/promises';

/**
 * The bytes of a file from its beginning, in pieces of `pieceBytes`, the last one shorter: while one is worked on, the next is read. Each
 * is good until the next one is asked for. The file may be closed when the loop has ended.
 */
export async function* readAhead(handle: FileHandle, pieceBytes: number): AsyncGenerator<Buffer> {
  const buffers = [Buffer.allocUnsafeSlow(pieceBytes), Buffer.allocUnsafeSlow(pieceBytes)] as const;
  let position = 0;
  let reading = readInto(handle, buffers[0], position);
  try {
    for (let turn = 1; ; turn += 1) {
      const piece = await reading;
      if (piece.length === 0) return;
      position += piece.length;
      reading = readInto(handle, buffers[turn % 2 === 0 ? 0 : 1], position);
      // Its failure is met when the piece is asked for, if it ever is.
      reading.catch(() => undefined);
      yield piece;
    }
  } finally {
    await reading.catch(() => undefined);
  }
}

async function readInto(handle: FileHandle, buffer: Buffer, position: number): Promise<Buffer> {
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
  return buffer.subarray(0, bytesRead);
}
