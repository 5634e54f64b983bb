import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ClusterDirectory } from '../../packages/core/src/archive/cluster-directory.ts';
import { Tombstones } from '../../packages/core/src/archive/tombstones.ts';
import { Pins } from '../../packages/core/src/backups/pins.ts';
import { publishBackup } from '../../packages/core/src/backups/publish-backup.ts';
import { syncTree } from '../../packages/core/src/backups/sync-tree.ts';
import { parseArchiveFileName } from '../../packages/core/src/wal/archive-file.ts';
import { LoopDisk } from '../support/loop-disk.ts';
import type { Machine } from '../support/machine.ts';
import { Stand } from '../support/stand.ts';
import { nameOf } from '../unit/archive/wal-segment.ts';
import { lsnIn, nowMs, recordOf } from '../unit/backups/backup-files.ts';

const place = '/archive/main';

let stand: Stand;
let machine: Machine;
let disk: LoopDisk;

beforeAll(async () => {
  stand = await Stand.create({ name: 'backup-power' });
  machine = await stand.machine('arch1');
  disk = await LoopDisk.mount(machine, place);
});

afterAll(async () => {
  await stand?.close();
});

const cluster = () => new ClusterDirectory(machine.path(place));

async function cutPower(): Promise<void> {
  await disk.cutPower();
  await disk.unmount();
  await disk.mount();
}

test('39: a base backup that was published is there, with all its files, after the power cut that follows', async () => {
  const content = Buffer.alloc(3_000_000, 'a page of a table ');
  for (let number = 1; number <= 3; number += 1) {
    const partial = join(cluster().path, `data.master.${number}.partial`);
    mkdirSync(join(partial, 'more'), { recursive: true });
    for (const name of ['base.tar.zst', 'backup_label', 'more/pg_control']) writeFileSync(join(partial, name), content);
    await syncTree(partial);
    await publishBackup(cluster(), recordOf(`data.master.${number}`, 7, { number }), nowMs);
    await cutPower();
    const found = join(cluster().path, `data.master.${number}`);
    expect(readdirSync(found).toSorted()).toEqual(['SUCCESS', 'backup.json', 'backup_label', 'base.tar.zst', 'more']);
    expect(readFileSync(join(found, 'backup.json'), 'utf8')).toContain(`"data.master.${number}"`);
    for (const name of ['base.tar.zst', 'backup_label', 'more/pg_control']) {
      expect(readFileSync(join(found, name)).equals(content), name).toBe(true);
    }
  }
});

test('39: a pin and a tombstone that were set are there after the power cut that follows', async () => {
  const pin = {
    id: 'restore-of-db2-0001',
    holder: 'db2',
    from: recordOf('data.master.1', 7).start,
    expiresMs: nowMs + 60_000,
  };
  await new Pins(cluster()).set(pin, nowMs);
  await cutPower();
  expect(await new Pins(cluster()).list()).toEqual([{ ...pin, from: { ...pin.from, lsn: lsnIn(7) } }]);
  await new Tombstones(cluster()).bury([parseArchiveFileName(nameOf(3)).name], nowMs);
  await cutPower();
  expect([...(await new Tombstones(cluster()).names())]).toEqual([nameOf(3)]);
});
