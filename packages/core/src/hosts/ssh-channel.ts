import { Duplex, type Readable } from 'node:stream';
import type { Failure } from '../base/failure.ts';

/** How the remote program ended; neither is there when the host did not say. */
export interface RemoteExit {
  status?: number;
  /** `SIGTERM` and the like. */
  signal?: string;
}

/** What this needs of ssh2's channel. */
export interface RawChannel extends Duplex {
  readonly stderr: Readable;
  close(): void;
}

/** What waits in this process, each way, before the stream pauses. */
const bufferBytes = 1024 * 1024;

/**
 * The stdin and stdout of a remote program.
 *
 * A raw ssh2 channel ends as if all were well when its connection is lost, and never calls back a write that finds it closed. Here a
 * lost connection destroys the stream with the connection's Failure, and every write calls back.
 *
 * When the remote program has ended, reading goes on to the end of what it said; what is still written is discarded, and the stream is
 * destroyed once it has been read to its end. `stderr` must be read or resumed: unread, it holds up stdout once the window is full.
 */
export class SshChannel extends Duplex {
  readonly stderr: Readable;
  /** Resolves when the remote program has ended or the connection is lost; never rejects. */
  readonly exited: Promise<RemoteExit>;
  readonly #raw: RawChannel;
  readonly #settleExit: (exit: RemoteExit) => void;
  #pendingWrite: ((error?: Error | null) => void) | undefined;
  #isRemoteGone = false;

  constructor(raw: RawChannel) {
    // Not autoDestroy: stdout may end before the program does, and closing the channel then would lose its exit status.
    super({ highWaterMark: bufferBytes, autoDestroy: false });
    this.#raw = raw;
    this.stderr = raw.stderr;
    const { promise, resolve } = Promise.withResolvers<RemoteExit>();
    this.exited = promise;
    this.#settleExit = resolve;
    raw.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) raw.pause();
    });
    raw.pause();
    raw.on('end', () => this.push(null));
    raw.on('error', (error) => this.destroy(error));
    raw.stderr.on('error', () => undefined);
    raw.once('exit', (status: number | null, signal?: string) => {
      resolve({ ...(status !== null && { status }), ...(signal !== undefined && { signal }) });
    });
    raw.once('close', () => this.#onRemoteGone());
  }

  /** Destroys the stream because its connection was lost. */
  abandon(failure: Failure): void {
    this.#isRemoteGone = true;
    this.#settleExit({});
    // Without a listener the error of a stream that nobody uses any more would end the process.
    this.on('error', () => undefined);
    this.destroy(failure);
  }

  override _read(): void {
    this.#raw.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.#isRemoteGone || !this.#raw.writable) {
      callback();
      return;
    }
    this.#pendingWrite = callback;
    this.#raw.write(chunk, encoding, () => this.#finishWrite());
  }

  /** What waits leaves in one turn, and so, where writes are joined, as one. */
  override _writev(
    chunks: { chunk: Buffer; encoding: BufferEncoding }[],
    callback: (error?: Error | null) => void,
  ): void {
    const last = chunks.at(-1);
    for (const { chunk, encoding } of chunks.slice(0, -1)) {
      if (!this.#isRemoteGone && this.#raw.writable) this.#raw.write(chunk, encoding);
    }
    if (last === undefined) callback();
    else this._write(last.chunk, last.encoding, callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (!this.#isRemoteGone) this.#raw.end();
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const pending = this.#pendingWrite;
    this.#pendingWrite = undefined;
    if (!this.#isRemoteGone) {
      this.#raw.close();
      // Only a channel that is read to its end reports that it is closed, and how the program ended.
      this.#raw.resume();
      this.#raw.stderr.resume();
    }
    pending?.(error ?? new Error('the channel is closed'));
    callback(error);
  }

  #finishWrite(): void {
    const pending = this.#pendingWrite;
    this.#pendingWrite = undefined;
    pending?.();
  }

  #onRemoteGone(): void {
    this.#isRemoteGone = true;
    this.#settleExit({});
    this.#finishWrite();
    if (this.destroyed) return;
    if (this.readableEnded) this.destroy();
    else this.once('end', () => this.destroy());
  }
}
