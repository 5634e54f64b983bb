import type { Writable } from 'node:stream';
import { Failure } from '../base/failure.ts';
import { encodeFrame } from '../protocol/frame.ts';

/** Writes frames to a stream and says when there is room for more. */
export class FrameWriter {
  private readonly stream: Writable;
  private room: Promise<void> | undefined;

  constructor(stream: Writable) {
    this.stream = stream;
  }

  /** Queues a frame at once; frames leave in the order of the calls. */
  send(header: Record<string, unknown>, body?: Buffer): void {
    if (this.stream.destroyed || this.stream.writableEnded) return;
    // Head and body leave in one packet, as one flush.
    this.stream.cork();
    for (const bytes of encodeFrame(header, body)) this.stream.write(bytes);
    this.stream.uncork();
  }

  /** Resolves when the stream has room again. Throws Failure `host_unreachable` when it closes instead. */
  async waitForRoom(): Promise<void> {
    if (this.stream.destroyed) throw closed();
    if (!this.stream.writableNeedDrain) return;
    this.room ??= new Promise<void>((resolve, reject) => {
      const settle = (error?: Failure) => {
        this.room = undefined;
        this.stream.off('drain', onDrain);
        this.stream.off('close', onClose);
        if (error) reject(error);
        else resolve();
      };
      const onDrain = () => settle();
      const onClose = () => settle(closed());
      this.stream.on('drain', onDrain);
      this.stream.on('close', onClose);
    });
    await this.room;
  }
}

function closed(): Failure {
  return new Failure('host_unreachable', 'the connection closed while sending');
}
