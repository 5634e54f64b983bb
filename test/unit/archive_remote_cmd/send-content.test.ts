import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { sendContent } from '../../../packages/archive_remote_cmd/src/serve/send-bytes.ts';
import { type ReadAheadOptions, readAhead } from '../../../packages/core/src/archive/read-ahead.ts';
import { FrameWriter } from '../../../packages/core/src/hosts/frame-writer.ts';
import { temporaryDirectory } from '../files/temporary-directory.ts';

const sizeBytes = 1_200_000;

/** Takes what is written when it is told to, from where it lies then, as the kernel does. */
class PatientStream extends Writable {
  readonly taken: Buffer[] = [];
  private next: (() => void) | undefined;

  constructor() {
    super({ highWaterMark: 2 ** 30 });
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.next = () => {
      this.taken.push(Buffer.from(chunk));
      done();
    };
  }

  async takeOne(): Promise<void> {
    const { next } = this;
    this.next = undefined;
    next?.();
    await turn();
  }
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 2));
const countOf = (bytes: Buffer, value: number) => bytes.filter((byte) => byte === value).length;

test('a file is sent from the buffers of the one before only when that one was written', async () => {
  const stream = new PatientStream();
  const writer = new FrameWriter(stream);
  const values = [0xf1, 0xf2, 0xf3, 0xf4];
  const rings = new Set<Buffer>();
  for (const [id, value] of values.entries()) {
    const path = join(temporaryDirectory(), 'file');
    await writeFile(path, Buffer.alloc(sizeBytes, value));
    const handle = await open(path);
    const chunksAhead = (options: ReadAheadOptions) => {
      const pieces = readAhead(handle, options);
      return (async function* () {
        for await (const piece of pieces) yield piece;
        for (const buffer of options.ring ?? []) rings.add(buffer);
      })();
    };
    const state = { isSent: false };
    const sending = sendContent(writer, id, { chunksAhead }).then(() => {
      state.isSent = true;
    });
    // No more than it needs: what was sent last still waits when the next file begins.
    for (let look = 0; !state.isSent; look += 1) await (look % 4 === 3 ? stream.takeOne() : turn());
    await sending;
    await handle.close();
  }
  expect(stream.writableLength).toBeGreaterThan(500_000);
  while (stream.writableLength > 0) await stream.takeOne();
  const bytes = Buffer.concat(stream.taken);
  for (const value of values) {
    expect(countOf(bytes, value)).toBeGreaterThanOrEqual(sizeBytes);
    expect(countOf(bytes, value)).toBeLessThan(sizeBytes + 50);
  }
  // They were used again all the same.
  expect(rings.size).toBeLessThan(values.length * 3);
});
