// The namespace, not the name: under a Node without zstd this module must still load.
import * as zlib from 'node:zlib';
import { damaged } from './damage.ts';

/** What is decompressed in one go, unless told otherwise: it stays in the processor's cache until its reader has read it. */
export const usualOutputBytes = 2 ** 18;

/** What node:zlib's streams do their work with, in Node and in Bun alike (lib/zlib.js). */
interface Engine {
  /** `left` gets how much of the output is left free, and of the input is left, after each step. */
  init(parameters: Uint32Array, pledged: undefined, left: Uint32Array, onWritten: () => void): void;
  writeSync(flush: number, input: Buffer, at: number, length: number, output: Buffer, to: number, room: number): void;
  /** As writeSync, in a thread; then it calls `onWritten`, or its `onerror` with the reason. */
  write: Engine['writeSync'];
  close(): void;
}

/**
 * Decompresses zstd piece by piece, into one buffer that is used again. The streams of node:zlib go through a thread and a new buffer for
 * each piece: 1.5 GB took 1.9 s of CPU, with this 0.5 s, and 30 MB of memory less.
 */
export class ZstdDecompressor {
  private readonly engine: Engine;
  private readonly left = new Uint32Array(2);
  private readonly output: Buffer;
  /** How much of the output was not given away yet. */
  private filledBytes = 0;
  private failure: string | undefined;
  private wake: () => void = () => undefined;

  constructor(outputBytes = usualOutputBytes) {
    this.output = Buffer.allocUnsafeSlow(outputBytes);
    const onerror = (message: string): void => {
      this.failure = message;
      this.wake();
    };
    this.engine = Object.assign(newEngine(), { onerror });
    // All of zstd's parameters are left as they are.
    this.engine.init(new Uint32Array(1).fill(unchanged), undefined, this.left, () => this.wake());
  }

  get outputBytes(): number {
    return this.output.length;
  }

  /**
   * What comes of the next bytes of one or more frames, in pieces that are good until the next one is asked for. Throws `damaged` for
   * what does not decompress. A frame that is cut is not noticed. All of a frame has come when its last byte was taken: zstd holds
   * that one back until there was room for the rest (ZSTD_decompressStream, "hostage").
   */
  *take(input: Buffer): Generator<Buffer> {
    yield* this.fill(input);
    yield* this.rest();
  }

  /** As `take`, but only whole outputs; `rest` has what is left after the last of them. */
  *fill(input: Buffer): Generator<Buffer> {
    for (let at = 0; at < input.length; ) {
      const room = this.output.length - this.filledBytes;
      this.engine.writeSync(goOn, input, at, input.length - at, this.output, this.filledBytes, room);
      at += this.stepped(input.length - at, room);
      if (this.filledBytes === this.output.length) yield* this.rest();
    }
  }

  /** As `fill`, in a thread: for large outputs, and whoever has something else to do meanwhile. */
  async *fillInThread(input: Buffer): AsyncGenerator<Buffer> {
    for (let at = 0; at < input.length; ) {
      const room = this.output.length - this.filledBytes;
      // Awaited on every way: the thread reads and writes these buffers.
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        this.engine.write(goOn, input, at, input.length - at, this.output, this.filledBytes, room);
      });
      at += this.stepped(input.length - at, room);
      if (this.filledBytes === this.output.length) yield* this.rest();
    }
  }

  *rest(): Generator<Buffer> {
    const { filledBytes } = this;
    this.filledBytes = 0;
    if (filledBytes > 0) yield this.output.subarray(0, filledBytes);
  }

  close(): void {
    this.engine.close();
  }

  /** How much of the input a step has taken. */
  private stepped(inputBytes: number, room: number): number {
    if (this.failure !== undefined) throw damaged('does not decompress', new Error(this.failure));
    const [roomLeft = 0, inputLeft = 0] = this.left;
    if (roomLeft === room && inputLeft === inputBytes) throw new Error('zstd came to a stop');
    this.filledBytes += room - roomLeft;
    return inputBytes - inputLeft;
  }
}

const goOn = zlib.constants.ZSTD_e_continue;
const unchanged = 0xff_ff_ff_ff;

let engineClass: (new (mode: number) => Engine) | undefined;

function newEngine(): Engine {
  engineClass ??= classOfEngines();
  return new engineClass(zlib.constants.ZSTD_DECOMPRESS);
}

/** It is not exported, but its objects are there to be seen. */
function classOfEngines(): new (mode: number) => Engine {
  const stream = zlib.createZstdDecompress({ chunkSize: 64 }) as unknown as { _handle?: Engine; destroy(): void };
  const engine = stream._handle;
  if (typeof engine?.writeSync !== 'function' || typeof engine.write !== 'function') {
    throw new Error('zstd cannot be decompressed piece by piece under this runtime');
  }
  const { constructor } = engine;
  stream.destroy();
  return constructor as new (
    mode: number,
  ) => Engine;
}
