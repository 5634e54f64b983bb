import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ReadAhead, readyFiles } from '../../../packages/archive_cmd/src/ship/read-ahead.ts';
import { nobodyWatches } from '../../../packages/archive_cmd/src/ship/ship-watcher.ts';
import type { Shipper } from '../../../packages/archive_cmd/src/ship/shipper.ts';
import { silentLog } from '../../../packages/core/src/base/log.ts';
import { waitFor } from '../../support/wait-for.ts';
import { nameOf } from '../archive/wal-segment.ts';
import { temporaryDirectory } from '../files/temporary-directory.ts';

describe('files that are ready', () => {
  const inOrder = [
    '00000002.history',
    nameOf(1),
    `${nameOf(2)}.partial`,
    nameOf(3),
    `${nameOf(3)}.00000028.backup`,
    nameOf(1, 2),
  ];

  test('are given in the order in which PostgreSQL asks, without what is done or no archive file', () => {
    const others = [`${nameOf(9)}.done`, 'notes.ready', '.ready', `${nameOf(8)}.ready.tmp`, 'x', '', nameOf(7)];
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...inOrder.map((name) => `${name}.ready`), ...others], { minLength: 13 }),
        (entries) => {
          expect(readyFiles(entries).map(({ name }) => name)).toEqual(inOrder);
        },
      ),
    );
  });
});

/** A shipper that notes what it is asked for and ends when the test says. */
class FakeShipper {
  readonly begun: string[] = [];
  readonly confirmed = new Set<string>();
  readonly underWay = new Map<string, (error?: Error) => void>();
  readonly watcher = nobodyWatches;
  bytesEach = 1;

  ship(_path: string, file: { name: string }): Promise<void> {
    this.begun.push(file.name);
    return new Promise((resolve, reject) => {
      this.underWay.set(file.name, (error) => {
        this.underWay.delete(file.name);
        if (error === undefined) this.confirmed.add(file.name);
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  }

  knows(name: string): boolean {
    return this.confirmed.has(name) || this.underWay.has(name);
  }

  get filesUnderWay(): number {
    return this.underWay.size;
  }

  get bytesUnderWay(): number {
    return this.underWay.size * this.bytesEach;
  }

  end(error?: Error): void {
    const [first] = this.underWay.values();
    first?.(error);
  }
}

function readyWal(count: number, directory = 'pg_wal'): string {
  const path = join(temporaryDirectory(), directory);
  mkdirSync(join(path, 'archive_status'), { recursive: true });
  for (let number = 1; number <= count; number++)
    writeFileSync(join(path, 'archive_status', `${nameOf(number)}.ready`), '');
  return path;
}

function readAheadOf(shipper: FakeShipper, maxInFlight: number): ReadAhead {
  const readAhead = new ReadAhead(shipper as unknown as Shipper, maxInFlight, silentLog);
  onTestFinished(() => readAhead.stop());
  return readAhead;
}

/** Until the directory was read and whatever follows has begun. */
async function quiet(readAhead: ReadAhead): Promise<void> {
  const state = readAhead as unknown as { scanning: boolean };
  // What a file's end wakes is scheduled before the next turn of the loop.
  await new Promise((resolve) => setImmediate(resolve));
  await waitFor(() => !state.scanning, { what: 'the directory to be read', intervalMs: 1 });
}

describe('reading ahead', () => {
  test('keeps as many files under way as it may, oldest first, and goes on as they end', async () => {
    const shipper = new FakeShipper();
    const wal = readyWal(10);
    const readAhead = readAheadOf(shipper, 3);
    readAhead.claimed(join(wal, nameOf(1)), nameOf(1));
    await quiet(readAhead);
    expect(shipper.begun).toEqual([1, 2, 3].map((number) => nameOf(number)));
    shipper.end();
    await quiet(readAhead);
    expect(shipper.begun).toEqual([1, 2, 3, 4].map((number) => nameOf(number)));
  });

  test('leaves alone what is confirmed or under way already', async () => {
    const shipper = new FakeShipper();
    shipper.confirmed.add(nameOf(1));
    shipper.underWay.set(nameOf(2), () => undefined);
    const wal = readyWal(4);
    const readAhead = readAheadOf(shipper, 3);
    readAhead.claimed(join(wal, nameOf(2)), nameOf(2));
    await quiet(readAhead);
    expect(shipper.begun).toEqual([nameOf(3), nameOf(4)]);
  });

  test('holds no more than 48 MiB under way', async () => {
    const shipper = new FakeShipper();
    shipper.bytesEach = 16 * 2 ** 20;
    const wal = readyWal(10);
    const readAhead = readAheadOf(shipper, 32);
    readAhead.claimed(join(wal, nameOf(1)), nameOf(1));
    await quiet(readAhead);
    expect(shipper.begun).toHaveLength(3);
  });

  test('has no more than 64 files shipped that nobody asked for, and goes on when they are claimed', async () => {
    const shipper = new FakeShipper();
    const wal = readyWal(100);
    const readAhead = readAheadOf(shipper, 8);
    readAhead.claimed(join(wal, nameOf(0)), nameOf(0));
    await quiet(readAhead);
    while (shipper.underWay.size > 0) {
      shipper.end();
      await quiet(readAhead);
    }
    expect(shipper.begun).toHaveLength(64);
    readAhead.claimed(join(wal, nameOf(1)), nameOf(1));
    await quiet(readAhead);
    expect(shipper.begun).toHaveLength(65);
  });

  test('begins nothing with one file at a time', async () => {
    const shipper = new FakeShipper();
    const wal = readyWal(4);
    const readAhead = readAheadOf(shipper, 1);
    readAhead.claimed(join(wal, nameOf(1)), nameOf(1));
    await quiet(readAhead);
    expect(shipper.begun).toEqual([]);
  });

  test('begins nothing beside a file that is not in pg_wal, or has no archive_status', async () => {
    const shipper = new FakeShipper();
    const readAhead = readAheadOf(shipper, 4);
    readAhead.claimed(join(readyWal(4, 'elsewhere'), nameOf(1)), nameOf(1));
    readAhead.claimed(join(temporaryDirectory(), 'pg_wal', nameOf(1)), nameOf(1));
    await quiet(readAhead);
    expect(shipper.begun).toEqual([]);
  });

  test('does not insist on what failed, until PostgreSQL asks again', async () => {
    const shipper = new FakeShipper();
    const wal = readyWal(1);
    const readAhead = readAheadOf(shipper, 4);
    readAhead.claimed(join(wal, nameOf(0)), nameOf(0));
    await quiet(readAhead);
    shipper.end(new Error('no'));
    await quiet(readAhead);
    expect(shipper.begun).toEqual([nameOf(1)]);
    readAhead.claimed(join(wal, nameOf(0)), nameOf(0));
    await quiet(readAhead);
    expect(shipper.begun).toEqual([nameOf(1), nameOf(1)]);
  });

  test('begins nothing more when it was stopped', async () => {
    const shipper = new FakeShipper();
    const wal = readyWal(10);
    const readAhead = readAheadOf(shipper, 2);
    readAhead.claimed(join(wal, nameOf(1)), nameOf(1));
    await quiet(readAhead);
    readAhead.stop();
    shipper.end();
    readAhead.claimed(join(wal, nameOf(2)), nameOf(2));
    await quiet(readAhead);
    expect(shipper.begun).toHaveLength(2);
  });
});
