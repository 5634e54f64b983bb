import { Failure } from '../base/failure.ts';

/**
 * One frame of a session: two unsigned 32-bit big-endian lengths (header, body), the header as JSON, the body as bytes.
 */
export interface Frame {
  header: Record<string, unknown>;
  body: Buffer;
}

export const maxHeaderBytes = 64 * 1024;
/** Large enough that framing costs nothing, small enough that several files share a session fairly. */
export const maxBodyBytes = 512 * 1024;
const prefixBytes = 8;
const emptyBody = Buffer.alloc(0);

const newBuffer = (sizeBytes: number) => Buffer.allocUnsafe(sizeBytes);

/** What makes up a frame, in order; its body may lie in several buffers. */
export function encodeFrame(header: Record<string, unknown>, ...body: readonly Buffer[]): Buffer[] {
  const json = Buffer.from(JSON.stringify(header));
  const bodyBytes = totalBytes(body);
  if (json.length > maxHeaderBytes || bodyBytes > maxBodyBytes) {
    throw new Error(`frame too large: header ${json.length}, body ${bodyBytes} bytes`);
  }
  const head = newBuffer(prefixBytes + json.length);
  head.writeUInt32BE(json.length, 0);
  head.writeUInt32BE(bodyBytes, 4);
  json.copy(head, prefixBytes);
  return bodyBytes === 0 ? [head] : [head, ...body];
}

/** Fills the bodies of as few frames as it takes with these pieces, cut where they must be. */
export function* frameBodies(pieces: readonly Buffer[]): Generator<Buffer[]> {
  let parts: Buffer[] = [];
  let roomBytes = maxBodyBytes;
  for (const piece of pieces) {
    for (let offset = 0; offset < piece.length; ) {
      const part = piece.subarray(offset, offset + roomBytes);
      parts.push(part);
      offset += part.length;
      roomBytes -= part.length;
      if (roomBytes > 0) continue;
      yield parts;
      parts = [];
      roomBytes = maxBodyBytes;
    }
  }
  if (parts.length > 0) yield parts;
}

export function totalBytes(buffers: readonly Buffer[]): number {
  return buffers.reduce((sum, { length }) => sum + length, 0);
}

/**
 * Cuts a byte stream into frames, whatever pieces it arrives in. It holds at most one frame and one piece, and looks at
 * the lengths before it waits for the bytes. Throws Failure `protocol` on anything that is not a frame, and when the
 * input ends inside one. `bufferFor` gives the buffers that bodies of so many bytes are put into, where they do not lie in one piece: a
 * new one for each costs a receiver of files a sixth of its CPU.
 */
export async function* readFrames(
  input: AsyncIterable<Buffer>,
  bufferFor: (sizeBytes: number) => Buffer = newBuffer,
): AsyncGenerator<Frame> {
  const pending = new PendingBytes();
  for await (const piece of input) {
    pending.add(piece);
    for (;;) {
      const frame = takeFrame(pending, bufferFor);
      if (frame === undefined) break;
      yield frame;
    }
  }
  if (pending.length > 0) throw new Failure('protocol', 'the session ended inside a frame');
}

function takeFrame(pending: PendingBytes, bufferFor: (sizeBytes: number) => Buffer): Frame | undefined {
  if (pending.length < prefixBytes) return undefined;
  const prefix = pending.peek(prefixBytes);
  const headerLength = prefix.readUInt32BE(0);
  const bodyLength = prefix.readUInt32BE(4);
  if (headerLength > maxHeaderBytes || bodyLength > maxBodyBytes) {
    throw new Failure('protocol', `frame of ${headerLength} + ${bodyLength} bytes is over the limit`);
  }
  if (pending.length < prefixBytes + headerLength + bodyLength) return undefined;
  pending.take(prefixBytes);
  const header = parseHeader(pending.take(headerLength));
  return { header, body: bodyLength === 0 ? emptyBody : pending.take(bodyLength, bufferFor) };
}

function parseHeader(bytes: Buffer): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new Failure('protocol', 'a frame header is not JSON', { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Failure('protocol', 'a frame header is not an object');
  }
  return value as Record<string, unknown>;
}

/** Received pieces, joined only when a frame needs them. */
class PendingBytes {
  private pieces: Buffer[] = [];
  length = 0;

  add(piece: Buffer): void {
    if (piece.length === 0) return;
    this.pieces.push(piece);
    this.length += piece.length;
  }

  peek(count: number): Buffer {
    const first = this.pieces[0];
    if (first === undefined || first.length < count) {
      const joined = Buffer.concat(this.pieces, this.length);
      this.pieces = [joined];
      return joined.subarray(0, count);
    }
    return first.subarray(0, count);
  }

  /** In one buffer: a view of a piece where one holds them all, else what `bufferFor` gives. */
  take(count: number, bufferFor: (sizeBytes: number) => Buffer = newBuffer): Buffer {
    const first = this.pieces[0];
    if (first !== undefined && first.length >= count) return this.takeFrom(first, count);
    const taken = bufferFor(count).subarray(0, count);
    for (let filled = 0; filled < count; ) {
      const piece = this.pieces[0];
      if (piece === undefined) throw new Error('took more bytes than there are');
      filled += this.takeFrom(piece, Math.min(count - filled, piece.length)).copy(taken, filled);
    }
    return taken;
  }

  private takeFrom(first: Buffer, count: number): Buffer {
    if (first.length === count) this.pieces.shift();
    else this.pieces[0] = first.subarray(count);
    this.length -= count;
    return first.subarray(0, count);
  }
}
