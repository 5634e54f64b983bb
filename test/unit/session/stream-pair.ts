import { Duplex } from 'node:stream';

/**
 * Two ends of a connection in this process, with a little buffer and real backpressure. Ending one end is the end of the
 * other's input; destroying it, too, as when an SSH channel closes.
 */
export function streamPair(highWaterMark = 64 * 1024): [End, End] {
  const [left, right] = [new End(highWaterMark), new End(highWaterMark)];
  left.other = right;
  right.other = left;
  return [left, right];
}

export class End extends Duplex {
  other: End | undefined;
  private goOn: (() => void) | undefined;

  constructor(highWaterMark: number) {
    super({ highWaterMark, allowHalfOpen: true, emitClose: true });
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    const { other } = this;
    if (other === undefined || other.destroyed) {
      done(Object.assign(new Error('EPIPE: the other end is gone'), { code: 'EPIPE' }));
      return;
    }
    // A copy: what a network carries does not change when the sender uses its buffer again.
    if (other.push(Buffer.from(chunk))) done();
    else other.goOn = () => done();
  }

  override _read(): void {
    const { goOn } = this;
    this.goOn = undefined;
    goOn?.();
  }

  override _final(done: () => void): void {
    this.other?.endInput();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.other?.endInput();
    const { goOn } = this;
    this.goOn = undefined;
    goOn?.();
    done(error);
  }

  private endInput(): void {
    if (!this.destroyed && !this.readableEnded) this.push(null);
  }
}
