import { readFileSync, renameSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ArchiveHost } from '../support/archive-host.ts';
import { ArchiveStand } from '../support/archive-stand.ts';
import type { Machine } from '../support/machine.ts';
import { type Backup, PostgresCluster } from '../support/postgres-cluster.ts';
import { expectRefusal, IMPATIENT } from '../support/restore-stand.ts';
import { RestoringDirectory } from '../support/restoring-directory.ts';
import { waitFor } from '../support/wait-for.ts';

const HISTORY = '00000002.history';

/**
 * A primary, and a standby of it that streams, is promoted and archives. Rows 1 to 4 were archived as timeline 1, row 5 was streamed
 * and is in the segment in which the timelines part, row 6 never left the old primary, rows 7 to 9 are of timeline 2.
 */
let stand: ArchiveStand;
let machine: Machine;
let promoted: PostgresCluster;
let backup: Backup;
let copies = 0;
/** The segment in which the timelines part, without its timeline. */
let parted: string;
const latest = [1, 2, 3, 4, 5, 7, 8, 9];

beforeAll(async () => {
  stand = await ArchiveStand.create();
  machine = await stand.stand.machine('standby');
  await stand.admit(machine, 'put,get');
  const primary = await PostgresCluster.init(stand.primary);
  await stand.startArchiving(primary);
  await primary.sql('CREATE TABLE ledger (number int PRIMARY KEY)');
  backup = await primary.backup(undefined, { wal: 'none' });
  promoted = await PostgresCluster.fromBackup(machine, backup, {
    name: 'promoted',
    standby: true,
    restoreCommand: stand.restoreCommand(...IMPATIENT),
    primaryConninfo: primary.connectionString(),
    settings: { archive_mode: 'on', archive_command: stand.archiveCommand(), wal_keep_size: '64MB' },
  });
  await promoted.start();
  for (const number of [1, 2, 3, 4]) {
    await primary.sql(`INSERT INTO ledger VALUES (${number})`);
    await primary.waitForArchived(await primary.switchWal());
  }
  await primary.sql('INSERT INTO ledger VALUES (5)');
  await promoted.pollUntil('SELECT max(number) FROM ledger', '5');
  // The old primary goes on alone: what it writes from here on is lost with it.
  await primary.setArchiveCommand('/bin/false');
  await machine.cut(primary.machine);
  await primary.sql('INSERT INTO ledger VALUES (6)');
  await primary.stop('immediate');
  await promoted.promote();
  for (const number of [7, 8, 9]) {
    await promoted.sql(`INSERT INTO ledger VALUES (${number})`);
    await promoted.waitForArchived(await promoted.switchWal());
  }
  const areEqual = () => isDeepStrictEqual(...(stand.hosts.map((host) => namesOn(host)) as [string[], string[]]));
  await waitFor(areEqual, { what: 'the hosts to be equal' });
  const line = readFileSync(stand.arch1.machine.path(`${stand.walDirectory}/${HISTORY}`), 'utf8');
  const [, high = '', low = ''] = /^1\t([0-9A-F]+)\/([0-9A-F]+)\t/m.exec(line) ?? [];
  const number = Math.floor(Number.parseInt(low, 16) / 1024 ** 2);
  parted = high.padStart(8, '0') + number.toString(16).toUpperCase().padStart(8, '0');
});

afterAll(async () => {
  await stand?.close();
});

const namesOn = (host: ArchiveHost) => host.files(stand.walDirectory);
const names = () => namesOn(stand.arch1);

const copy = async (settings: Record<string, string> = {}, standby = false) => {
  copies += 1;
  return await PostgresCluster.fromBackup(machine, backup, {
    name: `copy${copies}`,
    standby,
    restoreCommand: stand.restoreCommand(...IMPATIENT),
    settings: { wal_retrieve_retry_interval: '200ms', ...settings },
  });
};

const rowsOf = async (cluster: PostgresCluster) =>
  (await cluster.sql('SELECT number FROM ledger ORDER BY number')).map(Number);

const opensWith = async (cluster: PostgresCluster, rows: number[]) => {
  await cluster.start();
  await cluster.pollUntil('SELECT pg_is_in_recovery()', 'f');
  expect(await rowsOf(cluster)).toEqual(rows);
  await cluster.stop('immediate');
};

/** Takes a file away from the hosts for as long as something is done. */
const without = async (name: string, hosts: readonly { machine: Machine }[], work: () => Promise<void>) => {
  const paths = hosts.map((host) => host.machine.path(`${stand.walDirectory}/${name}`));
  for (const path of paths) renameSync(path, `${path}.away`);
  try {
    await work();
  } finally {
    for (const path of paths) renameSync(`${path}.away`, path);
  }
};

test('80: after a failover both hosts keep both timelines, and a restore to the latest has the rows of both', async () => {
  for (const host of stand.hosts) {
    const kept = namesOn(host);
    expect(kept).toContain(`00000002${parted}`);
    expect(kept.filter((name) => name.startsWith('00000001') && name.length === 24).length).toBeGreaterThan(5);
  }
  await opensWith(await copy(), latest);
});

test('80: the history file was there before any segment of its timeline', () => {
  // Its own ctime, and theirs: names are given by link(2) and never again.
  for (const host of stand.hosts) {
    const changed = (name: string) => stand.changedMs(host, name);
    const segments = names().filter((name) => name.startsWith('00000002') && name.length === 24);
    for (const name of segments) expect(changed(HISTORY)).toBeLessThanOrEqual(changed(name));
  }
});

test('66: the last segment of the old timeline, archived as .partial, is not replayed as the full one', async () => {
  const partial = `00000001${parted}.partial`;
  expect(names()).toContain(partial);
  expect(names()).not.toContain(`00000001${parted}`);
  const system = BigInt(await promoted.value('SELECT system_identifier FROM pg_control_system()'));
  for (const asker of ['standby', 'recovery', 'elsewhere'] as const) {
    const directory = new RestoringDirectory(stand, machine, `partial-${asker}`, asker, system);
    expect(await directory.restore(`00000001${parted}`)).toMatchObject({ status: 1, digest: undefined });
    expect(await directory.restore(partial)).toMatchObject({ status: 0 });
  }
  await opensWith(await copy({ recovery_target_timeline: 'current' }), [1, 2, 3, 4]);
});

test('90: a hole in the old timeline, on which the new one builds: recovery does not open there', async () => {
  // The latest full segment of timeline 1: nothing of timeline 1 is after it.
  const name = names().findLast((it) => it.startsWith('00000001') && it.length === 24) ?? '';
  const recovering = await copy();
  const old = await copy({ recovery_target_timeline: 'current' });
  await without(name, stand.hosts, async () => {
    await expectRefusal(recovering, name);
    await expectRefusal(old, name);
  });
  await opensWith(recovering, latest);
});

test('82: a history file that one host lacks comes from the other', async () => {
  await without(HISTORY, [stand.arch1], async () => await opensWith(await copy(), latest));
});

test('82: without the history file anywhere, recovery does not open on the old timeline by itself', async () => {
  const recovering = await copy();
  await without(HISTORY, stand.hosts, async () => {
    await expectRefusal(recovering, HISTORY);
  });
  await opensWith(recovering, latest);
});
