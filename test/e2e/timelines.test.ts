import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ArchiveStand } from '../support/archive-stand.ts';
import type { Machine } from '../support/machine.ts';
import { PostgresCluster } from '../support/postgres-cluster.ts';
import { RestoringDirectory } from '../support/restoring-directory.ts';
import { waitFor } from '../support/wait-for.ts';

/**
 * A primary; a standby that streams from it and will take over; and a follower that has nothing but the archive. They go through a
 * failover in which the old primary does not notice that it is over: it writes and archives on.
 */
let stand: ArchiveStand;
let machine: Machine;
let primary: PostgresCluster;
let successor: PostgresCluster;
let follower: PostgresCluster;

const CLEANUP_LOG = '/tmp/cleanup.log';
const archiving = { wal_keep_size: 0, min_wal_size: '5MB', wal_retrieve_retry_interval: '200ms' };

beforeAll(async () => {
  stand = await ArchiveStand.create();
  machine = await stand.stand.machine('standbys');
  await stand.admit(machine, 'put,get');
  await stand.admit(stand.primary, 'put,get');
  primary = await PostgresCluster.init(stand.primary, { settings: archiving });
  primary.configure({ archive_command: stand.archiveCommand(), restore_command: stand.restoreCommand() });
  await primary.start();
  await primary.sql('CREATE TABLE ledger (number int PRIMARY KEY, padding text)');
  const backup = await primary.backup(undefined, { wal: 'none' });
  successor = await PostgresCluster.fromBackup(machine, backup, {
    name: 'successor',
    standby: true,
    restoreCommand: stand.restoreCommand(),
    primaryConninfo: primary.connectionString(),
    settings: { archive_mode: 'on', archive_command: stand.archiveCommand(), wal_keep_size: '64MB' },
  });
  follower = await PostgresCluster.fromBackup(machine, backup, {
    name: 'follower',
    standby: true,
    restoreCommand: stand.restoreCommand(),
    settings: { ...archiving, archive_cleanup_command: `echo %r >> ${CLEANUP_LOG}` },
  });
  await Promise.all([successor.start(), follower.start()]);
});

afterAll(async () => {
  await stand?.close();
});

/** A row in a segment of its own, which is archived when this returns. */
const write = async (to: PostgresCluster, ...numbers: number[]) => {
  for (const number of numbers) {
    await to.sql(
      `INSERT INTO ledger VALUES (${number}, (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 9000) i))`,
    );
    await to.waitForArchived(await to.switchWal());
  }
};

const rowsOf = async (cluster: PostgresCluster) =>
  (await cluster.sql('SELECT number FROM ledger ORDER BY number')).map(Number);

const reaches = async (cluster: PostgresCluster, rows: number[]) => {
  await cluster.pollUntil('SELECT max(number) FROM ledger', `${rows.at(-1)}`);
  expect(await rowsOf(cluster)).toEqual(rows);
};

const restoredBy = (cluster: PostgresCluster, since = 0) =>
  [
    ...cluster
      .log()
      .slice(since)
      .matchAll(/restored log file "(\w{24})"/g),
  ].map(([, name = '']) => name);

test('restartpoints call archive_cleanup_command with what is still needed, and a restart asks for that again', async () => {
  await write(primary, 1, 2, 3);
  await primary.sql('CHECKPOINT');
  await write(primary, 4);
  await reaches(follower, [1, 2, 3, 4]);
  await follower.sql('CHECKPOINT');
  const [needed = ''] = readFileSync(machine.path(CLEANUP_LOG), 'utf8').trim().split('\n').slice(-1);
  expect(needed).toMatch(/^00000001[0-9A-F]{16}$/);
  await write(primary, 5, 6);
  await reaches(follower, [1, 2, 3, 4, 5, 6]);
  const last = restoredBy(follower).at(-1) ?? '';
  expect(needed < last).toBe(true);

  const before = follower.log().length;
  await follower.stop('immediate');
  await follower.start();
  await reaches(follower, [1, 2, 3, 4, 5, 6]);
  await waitFor(() => restoredBy(follower, before).includes(last), { what: `${last} to be restored again` });
  expect(restoredBy(follower, before)[0]).toBe(needed);
});

test('a standby that has only the archive follows the successor, not the old primary that writes on', async () => {
  await reaches(successor, [1, 2, 3, 4, 5, 6]);
  await follower.stop('fast');
  // The timelines part in the middle of a segment.
  const lsn = await primary.value("SELECT pg_logical_emit_message(true, 'stand', 'x')");
  await successor.pollUntil(`SELECT pg_last_wal_receive_lsn() >= '${lsn}'`, 't');
  await successor.promote();
  await write(primary, 7, 8, 9, 10);
  await write(successor, 11, 12, 13);
  await follower.start();
  await reaches(follower, [1, 2, 3, 4, 5, 6, 11, 12, 13]);
  expect(await follower.value('SELECT pg_is_in_recovery()')).toBe('t');
});

test('what was fetched ahead of the old timeline is dropped', async () => {
  // Buffers are told apart by the data directory's inode.
  const inode = statSync(machine.path(follower.dataDirectory)).ino.toString(16);
  const state = machine.path('/var/lib/archive2/postgres');
  const buffer = readdirSync(state).find((name) => name.startsWith('buffer-') && name.endsWith(`-${inode}`)) ?? '';
  const held = () => readdirSync(`${state}/${buffer}`);
  const isDropped = () => held().every((name) => !name.startsWith('.00000001'));
  await waitFor(isDropped, { what: 'the segments of timeline 1 to be dropped' });
  expect(held().some((name) => name.startsWith('.00000002'))).toBe(true);
});

test('files are asked for in any order, again, and of every kind', async () => {
  const system = BigInt(await successor.value('SELECT system_identifier FROM pg_control_system()'));
  const names = stand.arch1.files(stand.walDirectory);
  for (const kind of [/\.history$/, /\.partial$/, /\.backup$/])
    expect(names.some((name) => kind.test(name))).toBe(true);
  const order = [...names.toReversed(), ...names.filter((_, index) => index % 3 === 0), ...names.slice(0, 4)];
  for (const asker of ['standby', 'recovery'] as const) {
    const directory = new RestoringDirectory(stand, machine, `any-${asker}`, asker, system);
    for (const name of order) {
      const { status, digest } = await directory.restore(name);
      expect({ asker, name, status, digest }).toEqual({ asker, name, status: 0, digest: stand.digests(name)[0] });
    }
  }
});

test('pg_rewind -c takes from the archive what the old primary has no more, and leaves no agent behind', async () => {
  await primary.stop('fast');
  // Until its first checkpoint the successor's control file tells pg_rewind of the old timeline.
  await successor.sql('CHECKPOINT');
  const pgWal = primary.machine.path(`${primary.dataDirectory}/pg_wal`);
  const archived = stand.arch1.files(stand.walDirectory).filter((name) => /^00000001[0-9A-F]{16}$/.test(name));
  const loseArchived = () => archived.forEach((name) => rmSync(`${pgWal}/${name}`, { force: true }));
  loseArchived();
  const without = await primary.rewindTo(successor, '/tmp', '--dry-run');
  expect(without.status).not.toBe(0);

  for (const [cwd, ...flags] of [['/tmp', '--dry-run'], [primary.dataDirectory]] as const) {
    // A dry run restores, too.
    loseArchived();
    const { status, stderr } = await primary.rewindTo(successor, cwd, '--restore-target-wal', ...flags);
    expect({ cwd, status, stderr }).toMatchObject({ cwd, status: 0, stderr: expect.stringContaining('Done!') });
  }
  expect(readdirSync(pgWal).filter((name) => name.endsWith('.part'))).toEqual([]);
  expect(primary.machine.processes('restore_cmd')).toEqual([]);

  // The configuration is the successor's now.
  const place = { port: primary.port, listen_addresses: primary.machine.address };
  primary.configure({ ...archiving, ...place, archive_mode: false, primary_conninfo: '' });
  primary.machine.writeFile(`${primary.dataDirectory}/standby.signal`, '');
  await primary.start();
  await write(successor, 14);
  await reaches(primary, [1, 2, 3, 4, 5, 6, 11, 12, 13, 14]);
  await reaches(follower, [1, 2, 3, 4, 5, 6, 11, 12, 13, 14]);
});
