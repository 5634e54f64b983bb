import { existsSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ArchiveStand } from '../support/archive-stand.ts';
import type { Machine } from '../support/machine.ts';
import { type Backup, PostgresCluster } from '../support/postgres-cluster.ts';
import { BIN_DIRECTORY } from '../support/repository.ts';
import { waitFor } from '../support/wait-for.ts';

const HISTORY = '00000002.history';

/** One primary, and three standbys of it. Each of them will be promoted, and none of them knows of the others. */
let stand: ArchiveStand;
let machine: Machine;
let backup: Backup;
let first: PostgresCluster;
let twin: PostgresCluster;
let late: PostgresCluster;

beforeAll(async () => {
  stand = await ArchiveStand.create();
  machine = await stand.stand.machine('standbys');
  await stand.admit(machine, 'put,get');
  const primary = await PostgresCluster.init(stand.primary);
  await stand.startArchiving(primary);
  await primary.sql('CREATE TABLE ledger (number int PRIMARY KEY, who text)');
  backup = await primary.backup(undefined, { wal: 'none' });
  const write = async (number: number) => {
    await primary.sql(`INSERT INTO ledger VALUES (${number}, 'primary')`);
    await primary.waitForArchived(await primary.switchWal());
  };
  await write(1);
  late = await standby('late');
  // It has the first row only, and the archive is out of its reach from now on.
  await late.pollUntil('SELECT max(number) FROM ledger', '1');
  await unplug(late);
  await write(2);
  first = await standby('first');
  twin = await standby('twin');
  for (const cluster of [first, twin]) {
    await cluster.pollUntil('SELECT max(number) FROM ledger', '2');
    await unplug(cluster);
  }
  await primary.stop('immediate');
});

afterAll(async () => {
  await stand?.close();
});

const standby = async (name: string) => {
  const cluster = await PostgresCluster.fromBackup(machine, backup, {
    name,
    standby: true,
    restoreCommand: stand.restoreCommand(),
    settings: { archive_mode: 'on', wal_keep_size: '64MB', wal_retrieve_retry_interval: '200ms' },
  });
  await cluster.start();
  return cluster;
};

/** It cannot see which timelines there are: so it takes the next one, as any other would. */
const unplug = async (cluster: PostgresCluster) => {
  cluster.configure({ restore_command: '/bin/false' });
  await cluster.reload();
  await cluster.pollUntil('SHOW restore_command', '/bin/false');
};

/** Promotes a standby that archives, writes a row, and returns the segment that it is in. */
const takeOver = async (cluster: PostgresCluster) => {
  await cluster.promote();
  await cluster.sql(`INSERT INTO ledger VALUES (10, '${cluster.name}')`);
  await cluster.setArchiveCommand(stand.archiveCommand());
  return await cluster.switchWal();
};

const expectKept = (cluster: PostgresCluster, name: string) => {
  const inside = `${cluster.dataDirectory}/pg_wal/${name}`;
  expect({ name, kept: existsSync(machine.path(inside)) }).toEqual({ name, kept: true });
};

const failsWithConflict = async (cluster: PostgresCluster, name: string) => {
  await cluster.pollUntil(`SELECT last_failed_wal = '${name}' FROM pg_stat_archiver`, 't');
  await waitFor(() => cluster.log().includes('archive command failed with exit code 15'), { what: 'the conflict' });
  expect(cluster.log()).toContain('archive_remote_cmd conflict');
};

/** What a host keeps of other contents of this name. */
const inQuarantine = (name: string) =>
  stand.hosts.flatMap((host) => stand.quarantine(host).filter((kept) => kept.startsWith(`${name}.`)));

test('81: the first one to archive has the timeline', async () => {
  const name = await takeOver(first);
  expect(name).toMatch(/^00000002/);
  await first.waitForArchived(name);
  await waitFor(() => stand.hosts.every((host) => host.files(stand.walDirectory).includes(name)), { what: 'both' });
});

test('81: one promoted elsewhere has another history: it is refused, kept, and told to a person', async () => {
  const before = stand.digests(HISTORY);
  const name = await takeOver(late);
  expect(name).toMatch(/^00000002/);
  await failsWithConflict(late, HISTORY);
  expect(stand.digests(HISTORY)).toEqual(before);
  expect(inQuarantine(HISTORY).length).toBeGreaterThan(0);
  expectKept(late, HISTORY);
  expectKept(late, name);
});

test('81: one promoted at the same place has the same history, but its WAL is refused, kept, and told to a person', async () => {
  const name = await takeOver(twin);
  const before = stand.digests(name);
  expect(before[0]).toBeDefined();
  await failsWithConflict(twin, name);
  expect(stand.digests(name)).toEqual(before);
  expect(inQuarantine(name).length).toBeGreaterThan(0);
  expectKept(twin, name);
});

test('81: a person sees both on the host', async () => {
  const argv = [
    `${BIN_DIRECTORY}/archive_remote_cmd`,
    'conflict',
    'list',
    '--dir',
    '/archive/main',
    '--cluster',
    'main',
  ];
  const lists = await Promise.all(stand.hosts.map(({ machine: host }) => host.check(argv)));
  expect(lists.join('')).toContain(HISTORY);
  expect(lists.join('')).toMatch(/00000002[0-9A-F]{16}/);
});

test('81: whoever restores follows the first one; a standby that streams from another one follows that', async () => {
  const restored = await PostgresCluster.fromBackup(machine, backup, {
    name: 'restored',
    standby: false,
    restoreCommand: stand.restoreCommand(),
  });
  await restored.start();
  await restored.pollUntil('SELECT pg_is_in_recovery()', 'f');
  expect(await restored.sql('SELECT number, who FROM ledger ORDER BY number')).toEqual([
    '1|primary',
    '2|primary',
    '10|first',
  ]);
  await restored.stop('immediate');

  const ofTwin = await PostgresCluster.fromBackup(machine, await twin.backup(), {
    name: 'of-twin',
    standby: true,
    restoreCommand: '/bin/false',
    primaryConninfo: twin.connectionString(),
  });
  await ofTwin.start();
  await twin.sql("INSERT INTO ledger VALUES (11, 'twin')");
  await ofTwin.pollUntil('SELECT max(number) FROM ledger', '11');
  expect(await ofTwin.sql('SELECT number, who FROM ledger ORDER BY number')).toEqual([
    '1|primary',
    '2|primary',
    '10|twin',
    '11|twin',
  ]);
});
