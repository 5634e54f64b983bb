import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Tombstones } from '../../../packages/core/src/archive/tombstones.ts';
import { parseArchiveFileName } from '../../../packages/core/src/wal/archive-file.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { clusterDirectory } from './test-store.ts';
import { nameOf } from './wal-segment.ts';

const named = (number: number) => parseArchiveFileName(nameOf(number)).name;

describe('a tombstone', () => {
  test('is in a batch, a file of its owner alone', async () => {
    const cluster = clusterDirectory();
    await new Tombstones(cluster).bury([named(1), named(2)], 1_700_000_000_000);
    const [batch = '', ...others] = readdirSync(cluster.tombstonesDirectory);
    expect(others).toEqual([]);
    expect(batch).toMatch(/^001700000000000-[0-9a-f]{8}\.json$/);
    expect(statSync(join(cluster.tombstonesDirectory, batch)).mode & 0o7777).toBe(0o600);
    expect([...(await new Tombstones(cluster).names())]).toEqual([named(1), named(2)]);
  });

  test('does not speak of a name that is there', async () => {
    const tombstones = new Tombstones(clusterDirectory());
    await tombstones.bury([named(1), named(2)], 0);
    expect([...(await tombstones.names(new Set([named(2)])))]).toEqual([named(1)]);
  });

  test('is dropped alone, and with the last one its batch', async () => {
    const cluster = clusterDirectory();
    const tombstones = new Tombstones(cluster);
    await tombstones.bury([named(1), named(2)], 0);
    await tombstones.bury([named(3)], 1);
    expect(await tombstones.drop((name) => name !== named(1), 2)).toBe(2);
    expect([...(await tombstones.names())]).toEqual([named(1)]);
    expect(readdirSync(cluster.tombstonesDirectory)).toHaveLength(1);
    expect(await tombstones.drop(() => true, 3)).toBe(1);
    expect(readdirSync(cluster.tombstonesDirectory)).toEqual([]);
  });

  test('that nobody made is none, and looking makes no directory', async () => {
    const cluster = clusterDirectory();
    expect([...(await new Tombstones(cluster).names())]).toEqual([]);
    expect(await new Tombstones(cluster).drop(() => true, 0)).toBe(0);
    await new Tombstones(cluster).bury([], 0);
    expect(readdirSync(cluster.path)).toEqual(['logs.complete']);
  });

  test.each(['', '{"format":2,"names":[]}', '{"format":1}', '{"format":1,"names":["../x"]}', 'null'])(
    'in a batch that cannot be read (%j) is an error',
    async (text) => {
      const cluster = clusterDirectory();
      mkdirSync(cluster.tombstonesDirectory, { recursive: true });
      writeFileSync(join(cluster.tombstonesDirectory, '000000000000000-0123abcd.json'), text);
      await failureFrom('damaged', new Tombstones(cluster).names());
    },
  );

  test('is not looked for in files of other names', async () => {
    const cluster = clusterDirectory();
    mkdirSync(cluster.tombstonesDirectory, { recursive: true });
    writeFileSync(join(cluster.tombstonesDirectory, '.000000000000000-0123abcd.json.0123456789abcdef.part'), '{');
    expect([...(await new Tombstones(cluster).names())]).toEqual([]);
  });
});
