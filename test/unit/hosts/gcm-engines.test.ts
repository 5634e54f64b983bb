import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  gcmEngineWith,
  LibraryGcm,
  type NewGcmEngine,
  RuntimeGcm,
  usualGcmEngine,
} from '../../../packages/core/src/hosts/gcm-engines.ts';

const engines: [string, NewGcmEngine][] = [
  ['the library', LibraryGcm],
  ['the runtime', RuntimeGcm],
];
const ciphers = [
  { name: 'aes-128-gcm', keyBytes: 16 },
  { name: 'aes-256-gcm', keyBytes: 32 },
] as const;

test('the library is used where it can be opened', () => {
  expect(usualGcmEngine()).toBe(LibraryGcm);
  expect(gcmEngineWith(() => undefined)).toBe(LibraryGcm);
  const missing = () => {
    throw new Error('no such library');
  };
  expect(gcmEngineWith(missing)).toBe(RuntimeGcm);
});

describe.each(engines)('%s', (_, Engine) => {
  describe.each(ciphers)('$name', ({ name, keyBytes }) => {
    const key = randomBytes(keyBytes);
    const clear = Buffer.from([0, 0, 1, 2]);

    /** Cut where the numbers say, which are the sizes of all pieces but the last. */
    function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
      const pieces: Buffer[] = [];
      let at = 0;
      for (const size of sizes) {
        pieces.push(bytes.subarray(at, at + size));
        at += size;
      }
      return [...pieces, bytes.subarray(at)];
    }

    function pass(engine: InstanceType<NewGcmEngine>, iv: Buffer, bytes: Buffer, tag: Buffer, sizes: number[] = []) {
      const output = Buffer.alloc(bytes.length);
      engine.begin(iv, clear);
      let at = 0;
      for (const piece of cut(bytes, sizes)) {
        engine.update(piece, output.subarray(at));
        at += piece.length;
      }
      engine.finish(tag);
      return output;
    }

    test.each([[[]], [[1]], [[10, 4000]], [[16, 0, 17, 1000, 3]]])(
      'seals and opens in pieces of %j what node:crypto opens and seals',
      (sizes) => {
        const sealing = new Engine(name, key, 'seal');
        const opening = new Engine(name, key, 'open');
        // One engine takes packet after packet.
        for (const sizeBytes of [4096, 32_768, 5000]) {
          const [iv, open, tag] = [randomBytes(12), randomBytes(sizeBytes), Buffer.alloc(16)];
          const sealed = pass(sealing, iv, open, tag, sizes);
          const other = createDecipheriv(name, key, iv).setAAD(clear).setAuthTag(tag);
          expect(Buffer.concat([other.update(sealed), other.final()]).equals(open)).toBe(true);
          const another = createCipheriv(name, key, iv).setAAD(clear);
          expect(Buffer.concat([another.update(open), another.final()]).equals(sealed)).toBe(true);
          expect(pass(opening, iv, sealed, another.getAuthTag(), sizes).equals(open)).toBe(true);
        }
        sealing.close();
        opening.close();
      },
    );

    test.each(['content', 'tag', 'nonce', 'clear'] as const)('a changed %s does not open', (what) => {
      const sealing = new Engine(name, key, 'seal');
      const opening = new Engine(name, key, 'open');
      const [iv, tag] = [randomBytes(12), Buffer.alloc(16)];
      const sealed = pass(sealing, iv, randomBytes(100), tag);
      const changed = { content: sealed, tag, nonce: iv, clear }[what];
      changed[3] = (changed[3] ?? 0) ^ 1;
      expect(() => pass(opening, iv, sealed, tag)).toThrow();
      // Another packet is opened all the same.
      changed[3] = (changed[3] ?? 0) ^ 1;
      expect(() => pass(opening, iv, sealed, tag)).not.toThrow();
      sealing.close();
      opening.close();
    });

    test('what does not fit is refused', () => {
      const engine = new Engine(name, key, 'seal');
      engine.begin(randomBytes(12), clear);
      expect(() => engine.update(Buffer.alloc(20), Buffer.alloc(19))).toThrow();
      engine.close();
      expect(() => new Engine(name, key.subarray(1), 'seal').begin(randomBytes(12), clear)).toThrow();
    });

    test('closed, it is refused, and may be closed again', () => {
      const engine = new Engine(name, key, 'seal');
      engine.begin(randomBytes(12), clear);
      engine.close();
      engine.close();
      expect(() => engine.update(Buffer.alloc(16), Buffer.alloc(16))).toThrow();
      expect(() => engine.finish(Buffer.alloc(16))).toThrow();
    });
  });
});

test('the library takes no nonce, tag or cipher of another size', () => {
  const engine = new LibraryGcm('aes-128-gcm', randomBytes(16), 'seal');
  expect(() => engine.begin(randomBytes(11), Buffer.alloc(4))).toThrow('12 bytes');
  engine.begin(randomBytes(12), Buffer.alloc(4));
  expect(() => engine.finish(Buffer.alloc(15))).toThrow('16 bytes');
  engine.close();
  expect(() => engine.begin(randomBytes(12), Buffer.alloc(4))).toThrow('closed');
  expect(() => new LibraryGcm('aes-192-gcm', randomBytes(24), 'seal')).toThrow('aes-192-gcm');
});
