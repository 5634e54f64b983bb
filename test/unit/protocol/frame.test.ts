import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../../packages/core/src/base/failure.ts';
import { bufferForOne } from '../../../packages/core/src/codec/garbage.ts';
import { BodyBuffers } from '../../../packages/core/src/protocol/body-buffers.ts';
import {
  encodeFrame,
  type Frame,
  frameBodies,
  maxBodyBytes,
  maxHeaderBytes,
  readFrames,
  totalBytes,
} from '../../../packages/core/src/protocol/frame.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { all, inPieces, inTurn, pieceSizes, thenSilence } from './pieces.ts';

const anyHeader = fc.dictionary(fc.string({ maxLength: 10 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 });
const anyBody = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
const anyFrame = fc.record({ header: anyHeader, body: anyBody });

function bytesOf(frames: readonly Frame[]): Buffer {
  return Buffer.concat(frames.flatMap(({ header, body }) => encodeFrame(header, body)));
}

function rawFrame(headerLength: number, bodyLength: number, rest: string | Buffer = ''): Buffer {
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32BE(headerLength, 0);
  prefix.writeUInt32BE(bodyLength, 4);
  return Buffer.concat([prefix, Buffer.from(rest)]);
}

describe('frames', () => {
  test('come out as they went in, whatever pieces they arrive in', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyFrame, { maxLength: 5 }), pieceSizes, async (frames, sizes) => {
        const read = await all(readFrames(inPieces(bytesOf(frames), sizes)));
        const sent = frames.map(({ header, body }) => ({ header: JSON.parse(JSON.stringify(header)), body }));
        expect(read).toEqual(sent);
      }),
    );
  });

  test('of the greatest sizes come out as they went in', async () => {
    const header = { text: 'x'.repeat(maxHeaderBytes - '{"text":""}'.length) };
    const body = Buffer.alloc(maxBodyBytes, 7);
    const [frame] = await all(readFrames(inPieces(bytesOf([{ header, body }]), [65_536])));
    expect(frame?.header).toEqual(header);
    expect(frame?.body.equals(body)).toBe(true);
  });

  test('come out as they went in from pieces whose memory is their own, and is given back', async () => {
    const large = fc.uint8Array({ minLength: 5000, maxLength: 60_000 }).map((bytes) => Buffer.from(bytes));
    const sizes = fc.array(fc.integer({ min: 8193, max: 40_000 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fc.array(large, { minLength: 1, maxLength: 6 }), sizes, async (bodies, cuts) => {
        const bytes = bytesOf(bodies.map((body, id) => ({ header: { id }, body })));
        const pieces = (await all(inPieces(bytes, cuts))).map((piece) => Buffer.from(piece));
        const read = await all(readFrames(inTurn(pieces)));
        expect(read.map(({ header }) => header)).toEqual(bodies.map((_body, id) => ({ id })));
        expect(read.every(({ body }, id) => body.equals(bodies[id] ?? Buffer.alloc(0)))).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test('give back a piece whose memory is its own once all of it was copied; what they are a view of stays', async () => {
    const bytes = bytesOf([
      { header: { id: 1 }, body: Buffer.alloc(30_000, 1) },
      { header: { id: 2 }, body: Buffer.alloc(500, 2) },
    ]);
    const copied = Buffer.from(bytes.subarray(0, 20_000));
    const viewed = Buffer.from(bytes.subarray(20_000));
    const ofAnother = Buffer.concat([bytes, Buffer.alloc(9000)]).subarray(0, bytes.length);
    const read = await all(readFrames(inTurn([copied, viewed, ofAnother])));
    expect(copied).toHaveLength(0);
    expect(viewed).toHaveLength(bytes.length - 20_000);
    expect(ofAnother).toHaveLength(bytes.length);
    expect(read.map(({ body }) => body.length)).toEqual([30_000, 500, 30_000, 500]);
    expect(read.map(({ body }) => body.every((byte) => byte === body[0]))).toEqual([true, true, true, true]);
  });

  test('give back a piece of a buffer that was made for one', async () => {
    const bytes = bytesOf([{ header: { id: 1 }, body: Buffer.alloc(30_000, 1) }]);
    const pieces = [bytes.subarray(0, 15_000), bytes.subarray(15_000)].map((part) => {
      const made = bufferForOne(part.length + 20);
      part.copy(made, 10);
      return made.subarray(10, 10 + part.length);
    });
    const [frame] = await all(readFrames(inTurn(pieces)));
    expect(frame?.body.equals(Buffer.alloc(30_000, 1))).toBe(true);
    expect(pieces.map(({ length }) => length)).toEqual([0, 0]);
  });

  test('are there as soon as their last byte is', async () => {
    const frames = readFrames(thenSilence(bytesOf([{ header: { a: 1 }, body: Buffer.from('b') }])));
    expect((await frames.next()).value).toEqual({ header: { a: 1 }, body: Buffer.from('b') });
  });

  test('that are too large are a bug of the sender, found before anything is sent', () => {
    expect(() => encodeFrame({ text: 'x'.repeat(maxHeaderBytes) })).toThrow(/too large/);
    expect(() => encodeFrame({}, Buffer.alloc(maxBodyBytes + 1))).toThrow(/too large/);
  });
});

describe('refused', () => {
  test.each([
    [2 ** 32 - 1, 0],
    [0, 2 ** 32 - 1],
    [2 ** 32 - 1, 2 ** 32 - 1],
    [maxHeaderBytes + 1, 0],
    [2, maxBodyBytes + 1],
    [0x80000000, 2],
  ])('at once are lengths of %d and %d, before the bytes are waited for', async (headerLength, bodyLength) => {
    await failureFrom('protocol', readFrames(thenSilence(rawFrame(headerLength, bodyLength))).next());
  });

  test('is every end of the input inside a frame', async () => {
    const whole = bytesOf([{ header: { type: 'data', id: 1 }, body: Buffer.from('body') }]);
    for (let cut = 1; cut < whole.length; cut++) {
      await failureFrom('protocol', all(readFrames(inPieces(whole.subarray(0, cut), [3]))));
    }
    expect(await all(readFrames(inPieces(whole.subarray(0, 0), [3])))).toEqual([]);
  });

  test.each(['', 'x', '{', '{"a":}', '{} {}', '{}\u0000', 'null', 'true', '1', '"text"', '[]', '[{}]'])(
    'is the header %j',
    async (text) => {
      const bytes = rawFrame(Buffer.byteLength(text), 0, text);
      await failureFrom('protocol', all(readFrames(inPieces(bytes, [bytes.length]))));
    },
  );
});

test('the frames before a broken one are read', async () => {
  const good = bytesOf([{ header: { a: 1 }, body: Buffer.alloc(0) }]);
  const frames = readFrames(inPieces(Buffer.concat([good, rawFrame(2 ** 31, 0)]), [1000]));
  expect((await frames.next()).value).toEqual({ header: { a: 1 }, body: Buffer.alloc(0) });
  await failureFrom('protocol', frames.next());
});

test('whatever bytes come, frames or Failure protocol is all that comes out', async () => {
  const anyBytes = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    // A plausible prefix, so that the header is reached.
    fc.uint8Array({ minLength: 2, maxLength: 60 }).map((bytes) => rawFrame(bytes.length, 0, Buffer.from(bytes))),
    fc.json().map((text) => rawFrame(Buffer.byteLength(text), 0, text)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(anyBytes, { maxLength: 3 }), pieceSizes, async (parts, sizes) => {
      try {
        for (const { header } of await all(readFrames(inPieces(Buffer.concat(parts), sizes)))) {
          expect(typeof header === 'object' && header !== null && !Array.isArray(header)).toBe(true);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(Failure);
        expect((error as Failure).code).toBe('protocol');
      }
    }),
    { numRuns: 300 },
  );
});

test('an error of the stream is passed on', async () => {
  async function* broken(): AsyncGenerator<Buffer> {
    yield Buffer.from([0]);
    throw new Error('ECONNRESET');
  }
  await expect(all(readFrames(broken()))).rejects.toThrow('ECONNRESET');
});

describe('buffers for bodies', () => {
  test('are used again once they were given back, and not before', () => {
    const bodies = new BodyBuffers();
    const [first, second] = [bodies.take(maxBodyBytes), bodies.take(maxBodyBytes)];
    expect(second.buffer).not.toBe(first.buffer);
    bodies.give(first.subarray(0, 100));
    const third = bodies.take(maxBodyBytes - 1);
    expect(third.buffer).toBe(first.buffer);
    expect(third.length).toBe(maxBodyBytes);
    expect(bodies.take(maxBodyBytes).buffer).not.toBe(first.buffer);
  });

  test('that are not from here are not taken', () => {
    const bodies = new BodyBuffers();
    const strange = Buffer.alloc(maxBodyBytes);
    bodies.give(strange);
    expect(bodies.take(maxBodyBytes).buffer).not.toBe(strange.buffer);
    const small = bodies.take(10);
    bodies.give(small);
    expect(bodies.take(maxBodyBytes).buffer).not.toBe(small.buffer);
  });
});

test('pieces fill as few frames as they can, in their order, and are not copied', async () => {
  const pieces = fc.array(fc.integer({ min: 0, max: 3 * maxBodyBytes }), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(pieces, async (sizes) => {
      const given = sizes.map((sizeBytes, index) => Buffer.alloc(sizeBytes, index + 1));
      const whole = Buffer.concat(given);
      const bodies = [...frameBodies(given)];
      expect(
        bodies
          .map(totalBytes)
          .slice(0, -1)
          .every((sizeBytes) => sizeBytes === maxBodyBytes),
      ).toBe(true);
      expect(bodies).toHaveLength(Math.ceil(whole.length / maxBodyBytes));
      const memory = new Set<ArrayBufferLike>(given.map(({ buffer }) => buffer));
      expect(bodies.flat().every(({ buffer }) => memory.has(buffer))).toBe(true);
      const sent = Buffer.concat(bodies.flatMap((parts) => encodeFrame({ type: 'data' }, ...parts)));
      const frames = await all(readFrames(inPieces(sent, [100_000])));
      expect(Buffer.concat(frames.map(({ body }) => body)).equals(whole)).toBe(true);
    }),
    { numRuns: 20 },
  );
});
