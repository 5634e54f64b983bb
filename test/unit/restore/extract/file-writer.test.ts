import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Arena, Arenas } from '../../../../packages/core/src/restore/extract/arenas.ts';
import { FileWriter } from '../../../../packages/core/src/restore/extract/file-writer.ts';
import { SyncQueue } from '../../../../packages/core/src/restore/extract/sync-queue.ts';

let scratch: string;
let stop: AbortController;
let syncs: SyncQueue;

beforeEach(() => {
  scratch = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'archive2-writer-'));
  stop = new AbortController();
  syncs = new SyncQueue(stop.signal);
});

afterEach(() => {
  rmSync(scratch, { recursive: true });
});

const way = (name: string) => Buffer.from(join(scratch, name));
const openFiles = () => readdirSync('/proc/self/fd').length;

describe('files', () => {
  test('come as they were given, with the page cache and without, however the content is cut', async () => {
    const arena = 4 * 2 ** 20;
    const size = fc.oneof(
      fc.constantFrom(0, 1, 4095, 4096, 8192, 8193, arena - 1, arena, arena + 1, 2 * arena + 4097, 5 * arena),
      fc.integer({ min: 0, max: 3 * arena }),
    );
    let run = 0;
    const property = fc.asyncProperty(
      fc.array(size, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1000, max: 700_000 }),
      fc.boolean(),
      async (sizes, pieceBytes, direct) => {
        run += 1;
        const seen = new Map<string, Buffer[]>();
        const onContent = (path: string, offset: number, bytes: Buffer) => {
          const before = (seen.get(path) ?? []).reduce((sum, it) => sum + it.length, 0);
          expect(offset).toBe(before);
          expect(offset % 8192).toBe(0);
          expect(bytes.byteOffset % 8192).toBe(0);
          seen.set(path, [...(seen.get(path) ?? []), Buffer.from(bytes)]);
        };
        const writer = new FileWriter({ direct, owner: undefined, syncs, onContent });
        const contents = sizes.map((bytes, index) => Buffer.alloc(bytes, `${index}: content, ${bytes} bytes of it; `));
        for (const [index, content] of contents.entries()) {
          writer.begin(`${index}`, way(`${run}.${index}`));
          const piece = Buffer.alloc(pieceBytes);
          for (let at = 0; at < content.length; at += pieceBytes) {
            // The piece's buffer is used again, as a source's is.
            const copied = content.copy(piece, 0, at, at + pieceBytes);
            writer.content(piece.subarray(0, copied));
            await writer.settle();
          }
          writer.end();
        }
        await writer.finish();
        await syncs.finish();
        for (const [index, content] of contents.entries()) {
          expect(readFileSync(way(`${run}.${index}`)).equals(content), `file ${index}`).toBe(true);
          expect(Buffer.concat(seen.get(`${index}`) ?? []).equals(content)).toBe(true);
          rmSync(way(`${run}.${index}`));
        }
      },
    );
    await fc.assert(property, { numRuns: 12 });
  });

  test('by the thousand are made with a few hundred open', async () => {
    const before = openFiles();
    let most = 0;
    const writer = new FileWriter({ direct: false, owner: undefined, syncs, onContent: () => undefined });
    for (let index = 0; index < 3000; index += 1) {
      writer.begin(`${index}`, way(`${index}`));
      writer.content(Buffer.from(`${index}`));
      writer.end();
      await writer.settle();
      most = Math.max(most, openFiles());
    }
    await writer.finish();
    await syncs.finish();
    expect(most - before).toBeLessThan(600);
    expect(openFiles()).toBe(before);
    expect(readdirSync(scratch)).toHaveLength(3000);
  });

  test('that share a buffer are written before it is used again', async () => {
    const contentOf = (index: number) => Buffer.alloc(20_000, `file ${index} `);
    const writer = new FileWriter({ direct: false, owner: undefined, syncs, onContent: () => undefined });
    for (let index = 0; index < 1200; index += 1) {
      writer.begin(`${index}`, way(`${index}`));
      writer.content(contentOf(index));
      writer.end();
      if (index % 150 === 149) await writer.settle();
    }
    await writer.finish();
    await syncs.finish();
    for (let index = 0; index < 1200; index += 1) {
      expect(readFileSync(way(`${index}`)).equals(contentOf(index)), `file ${index}`).toBe(true);
    }
  });

  test('that cannot be made are told, and none stays open', async () => {
    const before = openFiles();
    const writer = new FileWriter({ direct: true, owner: undefined, syncs, onContent: () => undefined });
    writer.begin('good', way('good'));
    writer.content(Buffer.from('x'));
    writer.end();
    writer.begin('bad', way('no/such/directory'));
    const writeMuch = async () => {
      for (let megabytes = 0; megabytes < 100; megabytes += 1) {
        writer.content(Buffer.alloc(1_000_000));
        await writer.settle();
      }
    };
    await expect(writeMuch()).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(writer.finish()).rejects.toMatchObject({ code: 'ENOENT' });
    stop.abort();
    await syncs.abandon();
    expect(openFiles()).toBe(before);
  });

  test('that are there already came twice', async () => {
    const writer = new FileWriter({ direct: false, owner: undefined, syncs, onContent: () => undefined });
    for (const content of ['first', 'second']) {
      writer.begin('a', way('a'));
      writer.content(Buffer.from(content));
      writer.end();
    }
    await expect(writer.finish()).rejects.toMatchObject({ code: 'backup_damaged' });
    await syncs.finish();
    // Whichever was made first; the backup is refused.
    expect(['first', 'second']).toContain(readFileSync(way('a'), 'utf8'));
  });
});

test('a buffer is filled again only when all that was in it is written', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom('hold', 'advance', 'release'), fc.nat()), { maxLength: 30 });
  fc.assert(
    fc.property(steps, (all) => {
      const arenas = new Arenas(65_536);
      const held: Arena[] = [];
      for (const [step, choice] of all) {
        if (step === 'release') {
          const [arena] = held.splice(choice % Math.max(held.length, 1), 1);
          if (arena !== undefined) arenas.release(arena);
          continue;
        }
        const { current } = arenas;
        arenas.hold(current);
        held.push(current);
        if (step === 'hold') continue;
        current.used = current.bytes.length;
        arenas.advance();
        expect(held.includes(arenas.current)).toBe(false);
        expect([arenas.current.used, arenas.current.writers]).toEqual([0, 0]);
        expect(arenas.waitingCount).toBe(new Set(held).size);
      }
    }),
    { numRuns: 100 },
  );
});

describe('what waits for its fsync', () => {
  const file = (log: string[], name: string, sync: () => Promise<void> = async () => undefined) => ({
    sync: async () => {
      await sync();
      log.push(`sync ${name}`);
    },
    close: async () => {
      log.push(`close ${name}`);
    },
  });

  test('is synced, then closed, before finish returns', async () => {
    const log: string[] = [];
    for (const name of ['a', 'b', 'c']) syncs.add(file(log, name));
    await syncs.finish();
    for (const name of ['a', 'b', 'c']) {
      expect(log.indexOf(`sync ${name}`)).toBeGreaterThanOrEqual(0);
      expect(log.indexOf(`close ${name}`)).toBeGreaterThan(log.indexOf(`sync ${name}`));
    }
  });

  test('is an error of all when one fails, and all are closed', async () => {
    const log: string[] = [];
    const error = new Error('EIO');
    syncs.add(file(log, 'a'));
    syncs.add(file(log, 'b', () => Promise.reject(error)));
    for (const name of ['c', 'd']) syncs.add(file(log, name));
    await expect(syncs.finish()).rejects.toBe(error);
    expect(log.filter((line) => line.startsWith('close'))).toHaveLength(4);
    await expect(syncs.settle()).rejects.toBe(error);
  });

  test('is only closed once the work was given up', async () => {
    const log: string[] = [];
    const reason = new Error('the reason');
    syncs.add(file(log, 'a', async () => stop.abort(reason)));
    for (let index = 0; index < 300; index += 1) syncs.add(file(log, `${index}`));
    await expect(syncs.finish()).rejects.toBe(reason);
    expect(log.filter((line) => line.startsWith('close'))).toHaveLength(301);
    expect(log.filter((line) => line.startsWith('sync')).length).toBeLessThan(10);
  });
});
