import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Failure } from '../../../packages/core/src/base/failure.ts';
import { createLog } from '../../../packages/core/src/base/log.ts';
import { parseArchiveFileName } from '../../../packages/core/src/wal/archive-file.ts';
import { parseSegmentSize } from '../../../packages/core/src/wal/segment-size.ts';
import { PlaceFailure } from '../../../packages/restore_cmd/src/receive/place-failure.ts';
import { keptChunks, receiveHere, type WantedFile } from '../../../packages/restore_cmd/src/receive/receive-file.ts';
import { ReceivingThread } from '../../../packages/restore_cmd/src/receive/receiving-thread.ts';
import { ReceivingThreads } from '../../../packages/restore_cmd/src/receive/receiving-threads.ts';
import { mib, nameOf, ourSystem, segment } from '../archive/wal-segment.ts';
import { inChunks, overwritten } from '../codec/stored.ts';
import { temporaryDirectory } from '../files/temporary-directory.ts';

const segmentSize = parseSegmentSize(16 * mib);

interface Receiver {
  thread: ReceivingThread;
  /** What it logged. */
  lines: string[];
}

function receiver(entry?: URL): Receiver {
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line));
  const thread = entry === undefined ? new ReceivingThread(log) : new ReceivingThread(log, entry);
  onTestFinished(() => thread.stop());
  return { thread, lines };
}

function wantedIn(directory: string, name: string): WantedFile {
  return { file: parseArchiveFileName(name), path: join(directory, name), systemIdentifier: String(ourSystem) };
}

/** In parts of buffers that threads share, each overwritten as soon as may be. */
async function* shared(bytes: Buffer, partBytes: number): AsyncGenerator<Buffer> {
  const buffers: Buffer[] = Array.from({ length: keptChunks }, () => Buffer.from(new SharedArrayBuffer(partBytes)));
  for await (const part of inChunks(bytes, partBytes)) {
    const buffer = buffers.shift() as Buffer;
    yield buffer.subarray(0, part.copy(buffer));
    buffers.push(buffer);
    buffers[0]?.fill(0xee);
  }
}

/** A module that a thread runs, in the place of the usual one; undefined for one that is not there. */
function entryOf(text: string | undefined): URL {
  const path = join(temporaryDirectory(), 'entry.mjs');
  if (text !== undefined) writeFileSync(path, text);
  return pathToFileURL(path);
}

describe.each([
  { memory: 'shared', chunksOf: shared },
  { memory: 'of its own', chunksOf: overwritten },
])('chunks in memory that is $memory', ({ chunksOf }) => {
  test('files that arrive at the same time are what they are when received here', async () => {
    const { thread, lines } = receiver();
    const directory = temporaryDirectory();
    const receive = async (number: number) => {
      const name = nameOf(number);
      const { stored, raw } = await segment(name, { segmentSize, seed: number });
      const chunks = chunksOf(stored, 500_000);
      const { part, fingerprint } = await thread.receive(chunks, wantedIn(directory, name), segmentSize);
      expect(readFileSync(part.path).equals(raw)).toBe(true);
      const here = await receiveHere(inChunks(stored, 500_000), wantedIn(temporaryDirectory(), name), segmentSize);
      expect(fingerprint).toBe(here.fingerprint);
      await here.part.close();
    };
    await Promise.all([0, 1, 2, 3].map(receive));
    expect(readdirSync(directory)).toHaveLength(4);
    expect(lines).toEqual([]);
  });
});

test('a received file is discarded', async () => {
  const { thread } = receiver();
  const directory = temporaryDirectory();
  const { stored } = await segment(nameOf(0));
  const { part } = await thread.receive(inChunks(stored, mib), wantedIn(directory, nameOf(0)), parseSegmentSize(mib));
  expect(readdirSync(directory)).toHaveLength(1);
  await part.discard();
  await part.close();
  expect(readdirSync(directory)).toEqual([]);
});

describe('a file that is not received', () => {
  test('because it is damaged, ends with that, closes its source, and nothing of it is left', async () => {
    const { thread, lines } = receiver();
    const directory = temporaryDirectory();
    const { stored } = await segment(nameOf(0), { segmentSize });
    let [given, isClosed] = [0, false];
    const damaged = async function* () {
      try {
        for await (const chunk of shared(stored, 500_000)) {
          if (given++ === 3) chunk.fill(0);
          yield chunk;
        }
      } finally {
        isClosed = true;
      }
    };
    const receiving = thread.receive(damaged(), wantedIn(directory, nameOf(0)), segmentSize);
    await expect(receiving).rejects.toMatchObject({ name: 'Failure', code: 'damaged' });
    expect(isClosed).toBe(true);
    expect(given).toBeLessThan(stored.length / 500_000);
    expect(readdirSync(directory)).toEqual([]);
    // The thread goes on.
    const { part } = await thread.receive(shared(stored, 500_000), wantedIn(directory, nameOf(0)), segmentSize);
    expect(readdirSync(directory)).toHaveLength(1);
    await part.discard();
    expect(lines).toEqual([]);
  });

  test('because it is another cluster’s, ends with that', async () => {
    const { thread } = receiver();
    const directory = temporaryDirectory();
    const { stored } = await segment(nameOf(0), { segmentSize, systemIdentifier: 1n });
    const receiving = thread.receive(shared(stored, 500_000), wantedIn(directory, nameOf(0)), segmentSize);
    await expect(receiving).rejects.toMatchObject({ code: 'wrong_cluster' });
    expect(readdirSync(directory)).toEqual([]);
  });

  test('because its source fails, ends with the reason of that', async () => {
    const { thread } = receiver();
    const directory = temporaryDirectory();
    const { stored } = await segment(nameOf(0), { segmentSize });
    const cut = async function* () {
      yield* inChunks(stored.subarray(0, 3 * mib), mib);
      throw new Failure('host_stalled', 'arch1 says nothing', { hint: 'Look.', details: { sent: 3 } });
    };
    await expect(thread.receive(cut(), wantedIn(directory, nameOf(0)), segmentSize)).rejects.toMatchObject({
      name: 'Failure',
      code: 'host_stalled',
      message: 'arch1 says nothing',
      hint: 'Look.',
      details: { sent: 3 },
    });
    expect(readdirSync(directory)).toEqual([]);
  });

  test('because it ends too early, is damaged', async () => {
    const { thread } = receiver();
    const directory = temporaryDirectory();
    const { stored } = await segment(nameOf(0), { segmentSize });
    const cut = inChunks(stored.subarray(0, 3 * mib), mib);
    const receiving = thread.receive(cut, wantedIn(directory, nameOf(0)), segmentSize);
    await expect(receiving).rejects.toMatchObject({ code: 'damaged' });
    expect(readdirSync(directory)).toEqual([]);
  });

  test('because there is no place for it, is the fault of no host', async () => {
    const { thread } = receiver();
    const { stored } = await segment(nameOf(0), { segmentSize });
    const wanted = wantedIn(join(temporaryDirectory(), 'gone'), nameOf(0));
    const failure = await thread.receive(shared(stored, 500_000), wanted, segmentSize).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(PlaceFailure);
    expect(failure).toMatchObject({ code: 'disk_error', message: `${wanted.path} cannot be written (ENOENT)` });
  });
});

describe('without the thread', () => {
  test.each([
    ['that cannot be begun', undefined],
    ['that fails', "throw new Error('no more memory')"],
    [
      'that ends when it is asked',
      "import('node:worker_threads').then(({ parentPort }) => parentPort.once('message', () => process.exit(1)))",
    ],
  ])('%s, what was being received fails, what comes next is received here, and it is said once', async (_, text) => {
    const { thread, lines } = receiver(entryOf(text));
    const directory = temporaryDirectory();
    const { stored, raw } = await segment(nameOf(0), { segmentSize });
    const receive = () => thread.receive(inChunks(stored, mib), wantedIn(directory, nameOf(0)), segmentSize);
    await expect(receive()).rejects.toMatchObject({ code: 'internal', message: expect.stringContaining('the thread') });
    for (let file = 0; file < 2; file++) {
      const { part } = await receive();
      expect(readFileSync(part.path).equals(raw)).toBe(true);
      await part.discard();
      await part.close();
    }
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('a receiving thread is lost, files are received without it');
  });

  test('that the system refuses, files are received here from the first one on', async () => {
    const { thread, lines } = receiver(new URL('nothing:that-a-thread-could-run'));
    const directory = temporaryDirectory();
    const { stored } = await segment(nameOf(0), { segmentSize });
    const { part } = await thread.receive(inChunks(stored, mib), wantedIn(directory, nameOf(0)), segmentSize);
    await part.discard();
    await part.close();
    expect(lines).toHaveLength(1);
  });

  test('that was stopped, what was being received ends', async () => {
    const { thread, lines } = receiver();
    const { stored } = await segment(nameOf(0), { segmentSize });
    let goOn: () => void = () => undefined;
    const waits = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const chunks = async function* () {
      yield stored.subarray(0, mib);
      await waits;
      yield stored.subarray(mib);
    };
    const receiving = thread.receive(chunks(), wantedIn(temporaryDirectory(), nameOf(0)), segmentSize);
    thread.stop();
    goOn();
    await expect(receiving).rejects.toMatchObject({ code: 'internal' });
    expect(lines).toEqual([]);
  });
});

describe('of several threads', () => {
  /** Receives as many files at the same time as there are names, and returns how many each thread had when all had begun. */
  async function filesOfEach(threads: readonly ReceivingThread[], names: readonly string[]): Promise<number[]> {
    const all = new ReceivingThreads(threads);
    const directory = temporaryDirectory();
    const { stored } = await segment(nameOf(0));
    const begun = Promise.withResolvers<void>();
    const chunks = async function* () {
      await begun.promise;
      yield stored;
    };
    const receiving = names.map((name) =>
      all.receive(chunks(), { ...wantedIn(directory, nameOf(0)), path: join(directory, name) }, parseSegmentSize(mib)),
    );
    const files = threads.map(({ filesUnderWay }) => filesUnderWay);
    begun.resolve();
    for (const { part } of await Promise.all(receiving)) await part.discard();
    return files;
  }

  test('the one that has the least to do takes a file', async () => {
    const threads = [receiver().thread, receiver().thread];
    expect(await filesOfEach(threads, ['a'])).toEqual([1, 0]);
    expect(await filesOfEach(threads, ['a', 'b', 'c'])).toEqual([2, 1]);
  });

  test('one that has ended takes none while another one works', async () => {
    const { thread: broken, lines } = receiver(entryOf(undefined));
    const threads = [broken, receiver().thread];
    await expect(filesOfEach(threads, ['a'])).rejects.toMatchObject({ code: 'internal' });
    expect(lines).toHaveLength(1);
    expect(await filesOfEach(threads, ['a', 'b'])).toEqual([0, 2]);
  });
});
