import { constants, createZstdDecompress } from 'node:zlib';
import { addressOf, libraryCalls } from '../base/libc-door.ts';

/** Decompresses zstd step by step, wherever the bytes lie. A step takes input and makes output until one of them is at its end. */
export interface ZstdEngine {
  /** How much of the input the last step has taken, and of the output it has made. */
  readonly takenBytes: number;
  readonly madeBytes: number;
  /** Throws an Error for what does not decompress; the engine is then of no more use. */
  step(input: Buffer, at: number, output: Buffer, to: number): void;
  close(): void;
}

/** The system's libzstd where there is one: it takes a sixth less than the runtime's own (docs/decisions.md, 135). */
export function newZstdEngine(): ZstdEngine {
  usualEngine ??= engineWith(libzstd);
  return new usualEngine();
}

let usualEngine: (new () => ZstdEngine) | undefined;

/** `open` throws where the system's library cannot be used. */
export function engineWith(open: () => unknown): new () => ZstdEngine {
  try {
    open();
    return LibraryEngine;
  } catch {
    return RuntimeEngine;
  }
}

const libzstd = libraryCalls('libzstd.so.1', {
  ZSTD_createDCtx: { args: [], returns: 'ptr' },
  ZSTD_freeDCtx: { args: ['ptr'], returns: 'u64' },
  ZSTD_decompressStream: { args: ['ptr', 'ptr', 'ptr'], returns: 'i64' },
});

/** As zstd.h has them: a pointer, a size and a position. */
const [bytesAt, sizeAt, positionAt] = [0, 1, 2];

export class LibraryEngine implements ZstdEngine {
  takenBytes = 0;
  madeBytes = 0;
  private readonly calls = libzstd();
  /** 0 when it is closed: the library looks at no other. */
  private context: number;
  private readonly from = new BigUint64Array(new ArrayBuffer(24));
  private readonly to = new BigUint64Array(new ArrayBuffer(24));
  private readonly fromAddress = addressOf(this.from);
  private readonly toAddress = addressOf(this.to);

  constructor() {
    this.context = Number(this.calls.ZSTD_createDCtx());
    if (this.context === 0) throw new Error('no memory for decompressing');
  }

  step(input: Buffer, at: number, output: Buffer, to: number): void {
    if (this.context === 0) throw new Error('the engine is closed');
    const { from: source, to: target } = this;
    source[bytesAt] = BigInt(addressOf(input));
    source[sizeAt] = BigInt(input.length);
    source[positionAt] = BigInt(at);
    target[bytesAt] = BigInt(addressOf(output));
    target[sizeAt] = BigInt(output.length);
    target[positionAt] = BigInt(to);
    const said = Number(this.calls.ZSTD_decompressStream(this.context, this.toAddress, this.fromAddress));
    if (said < 0) throw new Error(`zstd error ${-said}`);
    this.takenBytes = Number(source[positionAt]) - at;
    this.madeBytes = Number(target[positionAt]) - to;
  }

  close(): void {
    // Nothing to it where there is none.
    this.calls.ZSTD_freeDCtx(this.context);
    this.context = 0;
  }
}

/** What node:zlib's streams do their work with, in Node and in Bun alike (lib/zlib.js). */
interface Handle {
  /** `left` gets how much of the output is left free, and of the input is left, after each step. */
  init(parameters: Uint32Array, pledged: undefined, left: Uint32Array, onWritten: () => void): void;
  writeSync(flush: number, input: Buffer, at: number, length: number, output: Buffer, to: number, room: number): void;
  close(): void;
}

const goOn = constants.ZSTD_e_continue;
const unchanged = 0xff_ff_ff_ff;

export class RuntimeEngine implements ZstdEngine {
  takenBytes = 0;
  madeBytes = 0;
  private readonly handle: Handle;
  private readonly left = new Uint32Array(2);
  private failure: string | undefined;

  constructor() {
    const onerror = (message: string): void => {
      this.failure = message;
    };
    this.handle = Object.assign(newHandle(), { onerror });
    // All of zstd's parameters are left as they are.
    this.handle.init(new Uint32Array(1).fill(unchanged), undefined, this.left, () => undefined);
  }

  step(input: Buffer, at: number, output: Buffer, to: number): void {
    const [inputBytes, room] = [input.length - at, output.length - to];
    this.handle.writeSync(goOn, input, at, inputBytes, output, to, room);
    if (this.failure !== undefined) throw new Error(this.failure);
    const [roomLeft = 0, inputLeft = 0] = this.left;
    this.takenBytes = inputBytes - inputLeft;
    this.madeBytes = room - roomLeft;
  }

  close(): void {
    this.handle.close();
  }
}

let handleClass: (new (mode: number) => Handle) | undefined;

function newHandle(): Handle {
  handleClass ??= classOfHandles();
  return new handleClass(constants.ZSTD_DECOMPRESS);
}

/** It is not exported, but its objects are there to be seen. */
function classOfHandles(): new (mode: number) => Handle {
  const stream = createZstdDecompress({ chunkSize: 64 }) as unknown as { _handle?: Handle; destroy(): void };
  const handle = stream._handle;
  if (typeof handle?.writeSync !== 'function') {
    throw new Error('zstd cannot be decompressed piece by piece under this runtime');
  }
  const { constructor } = handle;
  stream.destroy();
  return constructor as new (
    mode: number,
  ) => Handle;
}
