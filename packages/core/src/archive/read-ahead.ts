import type { FileHandle } from 'node:fs/promises';

export interface ReadAheadOptions {
  readonly pieceBytes: number;
  /** Where in the file to begin, in bytes. */
  readonly offset?: number;
  /** A piece is good until so many more, less one, were asked for; at least 2. */
  readonly buffers?: number;
  /** Where the buffers are, for another file of the same `pieceBytes` to use them again; filled as they are needed. */
  readonly ring?: Buffer[];
}

/**
 * The bytes of a file to its end, in pieces of `pieceBytes`, the last one shorter: while one is worked on, the next is read. The buffers
 * are used in turn: new ones for each piece cost more than reading them. The file may be closed when the loop has ended.
 */
export async function* readAhead(
  handle: FileHandle,
  { pieceBytes, offset = 0, buffers = 2, ring = [] }: ReadAheadOptions,
): AsyncGenerator<Buffer> {
  const bufferOf = (turn: number) => (ring[turn % buffers] ??= Buffer.allocUnsafeSlow(pieceBytes));
  let position = offset;
  let reading = readInto(handle, bufferOf(0), position);
  try {
    for (let turn = 1; ; turn += 1) {
      const piece = await reading;
      if (piece.length === 0) return;
      position += piece.length;
      reading = readInto(handle, bufferOf(turn), position);
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
