import { Failure } from '../base/failure.ts';
import { Fingerprint } from '../codec/fingerprint.ts';
import { beforeAllocating } from '../codec/garbage.ts';

/** How much is kept for a reader that is slower than the host. */
const bufferedBytes = 2 * 1024 * 1024;

/**
 * The body of an answer that comes as `data`… and `end`, on its way from a session to a reader. A slow reader slows the session; what
 * comes for one that has left is dropped.
 */
export class ArrivingBytes {
  /** The bytes, once; ends only after the host's size and fingerprint were found right, else throws `damaged`, or why the answer failed. */
  readonly chunks: AsyncIterable<Buffer>;
  private readonly host: string;
  private readonly giveBack: (chunk: Buffer) => void;
  private readonly keptChunks: number;
  private readonly fingerprint = new Fingerprint();
  private sizeBytes = 0;
  private readonly waiting: Buffer[] = [];
  private waitingBytes = 0;
  private end: { failure: Failure | undefined } | undefined;
  private hasReaderLeft = false;
  private wakeReader: () => void = () => undefined;
  private wakeSession: () => void = () => undefined;

  /** With `giveBack`, a chunk is good until `keptChunks` more are asked for. */
  constructor(host: string, giveBack: (chunk: Buffer) => void = () => undefined, keptChunks = 1) {
    this.host = host;
    this.giveBack = giveBack;
    this.keptChunks = keptChunks;
    this.chunks = this.read();
  }

  /** Takes the next piece. The promise, where there is one, is for the session to wait for before it reads on. */
  take(body: Buffer): Promise<void> | undefined {
    // What SSH has made of it on its way is garbage that the collector does not see: what was received, and what was decrypted.
    beforeAllocating(body.length * 2);
    this.fingerprint.update(body);
    this.sizeBytes += body.length;
    if (this.hasReaderLeft || this.end !== undefined) return undefined;
    this.waiting.push(body);
    this.waitingBytes += body.length;
    this.wakeReader();
    if (this.waitingBytes < bufferedBytes) return undefined;
    return new Promise((resolve) => {
      this.wakeSession = resolve;
    });
  }

  /** What the host announces at the end. */
  complete(sizeBytes: number, fingerprint: string): void {
    if (this.sizeBytes === sizeBytes && this.fingerprint.text() === fingerprint) {
      this.finish(undefined);
      return;
    }
    this.finish(new Failure('damaged', `${this.host} sent ${this.sizeBytes} bytes that are not what it announced`));
  }

  /** The rest does not come. */
  fail(failure: Failure): void {
    this.finish(failure);
  }

  private finish(failure: Failure | undefined): void {
    this.end ??= { failure };
    this.wakeReader();
    this.wakeSession();
  }

  private async *read(): AsyncGenerator<Buffer> {
    const kept: Buffer[] = [];
    try {
      for (;;) {
        const chunk = this.waiting.shift();
        if (chunk !== undefined) {
          this.waitingBytes -= chunk.length;
          if (this.waitingBytes < bufferedBytes) this.wakeSession();
          kept.push(chunk);
          yield chunk;
          if (kept.length >= this.keptChunks) this.giveBack(kept.shift() as Buffer);
          continue;
        }
        if (this.end?.failure !== undefined) throw this.end.failure;
        if (this.end !== undefined) return;
        await new Promise<void>((resolve) => {
          this.wakeReader = resolve;
        });
      }
    } finally {
      this.hasReaderLeft = true;
      this.waiting.length = 0;
      this.wakeSession();
    }
  }
}
