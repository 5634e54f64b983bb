import type { Writable } from 'node:stream';
import { Failure } from '../base/failure.ts';
import { encodeFrame, totalBytes } from '../protocol/frame.ts';

/** What may wait to be written: the next frame is made while one is on its way. */
const maxUnwrittenBytes = 1024 * 1024;

/** Writes frames to a stream and says when there is room for more. */
export class FrameWriter {
  private readonly stream: Writable;
  private unwrittenBytes = 0;
  private room: Promise<void> | undefined;
  private look: () => void = () => undefined;
  private sentFrames = 0;
  private writtenFrames = 0;
  /** What to do once so many frames were written, in their order. */
  private readonly awaited: { frames: number; tell: () => void }[] = [];

  constructor(stream: Writable) {
    this.stream = stream;
  }

  /** Queues a frame at once; frames leave in the order of the calls. */
  send(header: Record<string, unknown>, ...body: readonly Buffer[]): void {
    if (this.stream.destroyed || this.stream.writableEnded) return;
    const parts = encodeFrame(header, ...body);
    const frameBytes = totalBytes(parts);
    this.unwrittenBytes += frameBytes;
    const written = (error?: Error | null) => {
      this.unwrittenBytes -= frameBytes;
      // What a broken stream has not written may still be in somebody's hands.
      if (!error) this.countWritten();
      this.look();
    };
    this.sentFrames += 1;
    // Head and body leave in one packet, as one flush.
    this.stream.cork();
    for (const [index, bytes] of parts.entries()) {
      if (index < parts.length - 1) this.stream.write(bytes);
      else this.stream.write(bytes, written);
    }
    this.stream.uncork();
  }

  /**
   * Resolves when the stream has room again. Throws Failure `host_unreachable` when it closes instead.
   *
   * Bun's process.stdout never says that it needs to drain, and queues whatever it is given (1.4.5): so what is under way is counted.
   */
  async waitForRoom(): Promise<void> {
    if (this.stream.destroyed) throw closed();
    if (this.hasRoom()) return;
    this.room ??= new Promise<void>((resolve, reject) => {
      const { stream } = this;
      const settle = (error?: Failure) => {
        this.room = undefined;
        this.look = () => undefined;
        stream.off('drain', onMove);
        stream.off('close', onEnd);
        stream.off('error', onEnd);
        if (error) reject(error);
        else resolve();
      };
      const onMove = () => {
        if (stream.destroyed) settle(closed());
        else if (this.hasRoom()) settle();
      };
      const onEnd = () => settle(closed());
      this.look = onMove;
      stream.on('drain', onMove);
      stream.on('close', onEnd);
      stream.on('error', onEnd);
    });
    await this.room;
  }

  /** Calls back once all that was sent so far was written, and its buffers are nobody's; never when the stream breaks off before. */
  whenWritten(tell: () => void): void {
    if (this.writtenFrames === this.sentFrames) tell();
    else this.awaited.push({ frames: this.sentFrames, tell });
  }

  private countWritten(): void {
    this.writtenFrames += 1;
    while ((this.awaited[0]?.frames ?? Number.POSITIVE_INFINITY) <= this.writtenFrames) this.awaited.shift()?.tell();
  }

  private hasRoom(): boolean {
    return !this.stream.writableNeedDrain && this.unwrittenBytes <= maxUnwrittenBytes;
  }
}

function closed(): Failure {
  return new Failure('host_unreachable', 'the connection closed while sending');
}
