import { Failure } from '../base/failure.ts';
import { beforeAllocating, giveMemoryBack, ownsMemory } from '../codec/garbage.ts';

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
 * new one for each costs a receiver of files a sixth of its CPU. The memory of a piece that is all of it is given back when it was read.
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
  pending.drop(prefixBytes);
  const header = parseHeader(pending.copy(headerLength));
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

/** A received piece, as far as it is not taken yet. */
interface Piece {
  rest: Buffer;
  /** Nobody else looks at its memory. */
  isOurs: boolean;
}

/** Received pieces, joined only when a frame needs them. */
class PendingBytes {
  private pieces: Piece[] = [];
  length = 0;

  add(piece: Buffer): void {
    if (piece.length === 0) return;
    const isOurs = ownsMemory(piece);
    if (isOurs) beforeAllocating(piece.length);
    this.pieces.push({ rest: piece, isOurs });
    this.length += piece.length;
  }

  /** So many bytes, of those that are there; good until they are taken. */
  peek(count: number): Buffer {
    const { rest } = this.first();
    if (rest.length >= count) return rest.subarray(0, count);
    const joined = Buffer.concat(
      this.pieces.map((piece) => piece.rest),
      this.length,
    );
    this.pieces = [{ rest: joined, isOurs: true }];
    return joined.subarray(0, count);
  }

  /** Nobody wants to see them. */
  drop(count: number): void {
    for (let left = count; left > 0; ) left -= this.cut(left, () => undefined);
  }

  /** In one buffer: a view of a piece where one holds them all, else what `bufferFor` gives. */
  take(count: number, bufferFor: (sizeBytes: number) => Buffer): Buffer {
    const first = this.first();
    if (first.rest.length < count) return this.copy(count, bufferFor);
    first.isOurs = false;
    const taken = first.rest.subarray(0, count);
    this.drop(count);
    return taken;
  }

  copy(count: number, bufferFor: (sizeBytes: number) => Buffer = newBuffer): Buffer {
    const copied = bufferFor(count).subarray(0, count);
    for (let filled = 0; filled < count; ) filled += this.cut(count - filled, (part) => part.copy(copied, filled));
    return copied;
  }

  /** Shows what the first piece has of so many bytes, which are gone then; returns how many. */
  private cut(count: number, show: (part: Buffer) => void): number {
    const first = this.first();
    const part = first.rest.subarray(0, count);
    show(part);
    // Before its memory is given back: it is empty then.
    const sizeBytes = part.length;
    this.length -= sizeBytes;
    if (sizeBytes < first.rest.length) {
      first.rest = first.rest.subarray(sizeBytes);
    } else {
      this.pieces.shift();
      if (first.isOurs) giveMemoryBack(first.rest);
    }
    return sizeBytes;
  }

  private first(): Piece {
    const first = this.pieces[0];
    if (first === undefined) throw new Error('took more bytes than there are');
    return first;
  }
}
