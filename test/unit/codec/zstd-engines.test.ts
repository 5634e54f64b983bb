import { describe, expect, test } from 'vitest';
import { ZstdDecompressor } from '../../../packages/core/src/codec/zstd-decompressor.ts';
import {
  engineWith,
  LibraryEngine,
  newZstdEngine,
  RuntimeEngine,
} from '../../../packages/core/src/codec/zstd-engines.ts';
import { walLike } from './content.ts';
import { failureFrom, frameOf } from './stored.ts';

test('the system’s library is used where it is there, the runtime’s own elsewhere', () => {
  expect(engineWith(() => undefined)).toBe(LibraryEngine);
  const isMissing = () => {
    throw new Error('libzstd.so.1: cannot open shared object file');
  };
  expect(engineWith(isMissing)).toBe(RuntimeEngine);
  // Debian's package manager needs it.
  expect(newZstdEngine()).toBeInstanceOf(LibraryEngine);
});

test('a closed engine of the library touches no memory that is another’s by now', () => {
  const engine = new LibraryEngine();
  engine.close();
  engine.close();
  expect(() => engine.step(Buffer.alloc(9), 0, Buffer.alloc(9), 0)).toThrow('the engine is closed');
});

describe.each([LibraryEngine, RuntimeEngine])('%o', (Engine) => {
  function decompressed(stored: readonly Buffer[], outputBytes: number): Buffer {
    const decompressor = new ZstdDecompressor(outputBytes, new Engine());
    const copies: Buffer[] = [];
    try {
      for (const input of stored) {
        for (const piece of decompressor.fill(input)) {
          expect(piece).toHaveLength(outputBytes);
          copies.push(Buffer.from(piece));
        }
      }
      for (const piece of decompressor.rest()) copies.push(Buffer.from(piece));
      return Buffer.concat(copies);
    } finally {
      decompressor.close();
    }
  }

  test('frames come out as they went in, however they are cut, and wherever they lie', async () => {
    const raw = [walLike(700_000, 1), walLike(131_073, 2), walLike(1, 3)];
    const stored = Buffer.concat(await Promise.all(raw.map(frameOf)));
    const shared = Buffer.from(new SharedArrayBuffer(stored.length)) as Buffer;
    stored.copy(shared);
    for (const bytes of [stored, shared]) {
      for (const inputBytes of [7, 4096, stored.length]) {
        for (const outputBytes of [100, 65_536, 2 ** 20]) {
          const parts: Buffer[] = [];
          for (let at = 0; at < bytes.length; at += inputBytes) parts.push(bytes.subarray(at, at + inputBytes));
          expect(decompressed(parts, outputBytes).equals(Buffer.concat(raw))).toBe(true);
        }
      }
    }
  });

  test('damage is told as that, and another one goes on', async () => {
    const raw = walLike(300_000);
    const stored = await frameOf(raw);
    const damaged = Buffer.from(stored);
    damaged.fill(0xff, 5000, 5100);
    const last = Buffer.from(stored);
    last.writeUInt8((last.at(-1) ?? 0) ^ 1, last.length - 1);
    for (const bytes of [damaged, last, Buffer.from('no zstd frame at all')]) {
      await failureFrom(
        'damaged',
        Promise.resolve().then(() => decompressed([bytes], 65_536)),
      );
    }
    expect(decompressed([stored], 65_536).equals(raw)).toBe(true);
  });
});
