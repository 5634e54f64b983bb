import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Debts } from '../../../packages/core/src/archive/debts.ts';
import { parseArchiveFileName } from '../../../packages/core/src/wal/archive-file.ts';
import { clusterDirectory } from './test-store.ts';
import { nameOf } from './wal-segment.ts';

function named(text: string) {
  return parseArchiveFileName(text).name;
}

async function listed(debts: Debts): Promise<string[]> {
  return (await debts.list()).map((file) => file.name);
}

describe('a debt', () => {
  test('is an empty file of its owner alone, under the name of the peer', async () => {
    const cluster = clusterDirectory();
    await new Debts(cluster, 'arch2').record(named(nameOf(1)));
    const path = join(cluster.path, 'debts', 'arch2', nameOf(1));
    expect(statSync(path).size).toBe(0);
    expect(statSync(path).mode & 0o7777).toBe(0o600);
    expect(statSync(join(path, '..')).mode & 0o7777).toBe(0o700);
  });

  test('recorded twice is one, and one that is settled twice is none', async () => {
    const debts = new Debts(clusterDirectory(), 'arch2');
    await debts.record(named(nameOf(1)));
    await debts.record(named(nameOf(1)));
    expect(await debts.count()).toBe(1);
    await debts.settle(named(nameOf(1)));
    await debts.settle(named(nameOf(1)));
    await debts.settle(named(nameOf(2)));
    expect(await debts.count()).toBe(0);
  });

  test('is there for the next process, and for its own peer only', async () => {
    const cluster = clusterDirectory();
    await new Debts(cluster, 'arch2').record(named(nameOf(1)));
    expect(await listed(new Debts(cluster, 'arch2'))).toEqual([nameOf(1)]);
    expect(await listed(new Debts(cluster, 'arch3'))).toEqual([]);
  });

  test('can be recorded although somebody removed the directory meanwhile', async () => {
    const cluster = clusterDirectory();
    const debts = new Debts(cluster, 'arch2');
    await debts.record(named(nameOf(1)));
    rmSync(join(cluster.path, 'debts'), { recursive: true });
    await debts.record(named(nameOf(2)));
    expect(await listed(debts)).toEqual([nameOf(2)]);
  });

  test('that cannot be recorded is an error, and can be when what was in the way is gone', async () => {
    const cluster = clusterDirectory();
    writeFileSync(join(cluster.path, 'debts'), '');
    const debts = new Debts(cluster, 'arch2');
    await expect(debts.record(named(nameOf(1)))).rejects.toThrow();
    rmSync(join(cluster.path, 'debts'));
    await debts.record(named(nameOf(1)));
    expect(readdirSync(join(cluster.path, 'debts', 'arch2'))).toEqual([nameOf(1)]);
  });
});

describe('debts', () => {
  test('that nobody ever made are none, and looking makes no directory', async () => {
    const cluster = clusterDirectory();
    const debts = new Debts(cluster, 'arch2');
    expect(await listed(debts)).toEqual([]);
    expect(await debts.count()).toBe(0);
    expect(readdirSync(cluster.path)).toEqual(['logs.complete']);
  });

  test('are paid history files first, then the oldest first', async () => {
    const inOrder = [
      '00000002.history',
      '0000000A.history',
      nameOf(1),
      `${nameOf(1)}.00000028.backup`,
      `${nameOf(2)}.partial`,
      nameOf(5000),
      nameOf(1, 2),
      nameOf(3, 10),
    ];
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(inOrder, { minLength: inOrder.length }), async (names) => {
        const debts = new Debts(clusterDirectory(), 'arch2');
        await Promise.all(names.map((name) => debts.record(named(name))));
        expect(await listed(debts)).toEqual(inOrder);
      }),
      { numRuns: 5 },
    );
  });

  test('leave out what has no name of an archive file', async () => {
    const cluster = clusterDirectory();
    const debts = new Debts(cluster, 'arch2');
    await debts.record(named(nameOf(1)));
    const directory = join(cluster.path, 'debts', 'arch2');
    for (const foreign of ['notes.txt', `.${nameOf(2)}.swp`, nameOf(10).toLowerCase(), `${nameOf(4)}~`]) {
      writeFileSync(join(directory, foreign), '');
    }
    mkdirSync(join(directory, 'directory'));
    expect(await listed(debts)).toEqual([nameOf(1)]);
    expect(await debts.count()).toBe(1);
  });
});
