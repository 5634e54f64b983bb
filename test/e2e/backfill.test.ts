import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ArchiveStand } from '../support/archive-stand.ts';
import type { Machine } from '../support/machine.ts';
import { PostgresCluster } from '../support/postgres-cluster.ts';
import { BIN_DIRECTORY } from '../support/repository.ts';
import { waitFor } from '../support/wait-for.ts';

/**
 * An ordinary failover with asynchronous streaming: the standby has WAL that the primary never archived, and marks it as done.
 * Without a backfill the archive has a hole there, and whoever restores from it loses every later commit.
 */
describe('after a promotion', () => {
  let stand: ArchiveStand;
  let primary: PostgresCluster;
  let promoted: PostgresCluster;
  let standbyMachine: Machine;
  let backup: Awaited<ReturnType<PostgresCluster['backup']>>;
  let unarchived: string[];

  beforeAll(async () => {
    stand = await ArchiveStand.create();
    standbyMachine = await stand.stand.machine('standby');
    await stand.admit(standbyMachine, 'put,get');
    primary = await PostgresCluster.init(stand.primary, { settings: { wal_keep_size: '64MB' } });
    await primary.start();
    await primary.setArchiveCommand(stand.archiveCommand());
    await primary.sql('CREATE TABLE ledger (number int PRIMARY KEY)');
    backup = await primary.backup();
    await primary.waitForArchived(await primary.switchWal());

    promoted = await PostgresCluster.fromBackup(standbyMachine, backup, {
      standby: true,
      restoreCommand: stand.restoreCommand(),
      primaryConninfo: primary.connectionString(),
      settings: { archive_mode: 'on', archive_command: stand.archiveCommand(), wal_keep_size: '64MB' },
    });
    await promoted.start();

    // From here on nothing of the primary's reaches the archive.
    await primary.setArchiveCommand('/bin/false');
    unarchived = [];
    for (let number = 1; number <= 10; number++) {
      await primary.sql(`INSERT INTO ledger VALUES (${number})`);
      unarchived.push(await primary.switchWal());
    }
    const written = await primary.currentLsn();
    await promoted.pollUntil(`SELECT pg_last_wal_replay_lsn() >= '${written}'`, 't');
    await stand.primary.kill9();
    await promoted.promote();
    await promoted.sql('INSERT INTO ledger VALUES (11)');
    await promoted.waitForArchived(await promoted.switchWal());
  });

  afterAll(async () => {
    await stand.close();
  });

  test('the parent timeline has no hole on either host', async () => {
    for (const host of stand.hosts) {
      await waitFor(() => unarchived.every((name) => host.files(stand.walDirectory).includes(name)), {
        what: `${unarchived.length} segments of timeline 1 on ${host.machine.name}`,
      });
    }
  });

  test('a restore to the latest from the archive alone has every row that the standby had', async () => {
    const machine = await stand.stand.machine('restored');
    await stand.admit(machine, 'get');
    const restored = await PostgresCluster.fromBackup(machine, backup, {
      standby: false,
      restoreCommand: stand.restoreCommand(),
    });
    await restored.start();
    await restored.pollUntil('SELECT pg_is_in_recovery()', 'f');
    expect(await restored.value("SELECT string_agg(number::text, ',' ORDER BY number) FROM ledger")).toBe(
      '1,2,3,4,5,6,7,8,9,10,11',
    );
  });

  test('"archive_cmd backfill" by hand makes up for a segment that went missing on both hosts', async () => {
    const [missing = ''] = unarchived.slice(4);
    for (const host of stand.hosts) await host.machine.check(['rm', `${stand.walDirectory}/${missing}`]);
    const argv = [`${BIN_DIRECTORY}/archive_cmd`, 'backfill', 'arch1 arch2', stand.walDirectory, 'main'];
    const { status, stdout } = await standbyMachine.run([...argv, '--data-dir', promoted.dataDirectory]);
    expect(stdout).toMatch(/^00000002\.history: \d+ segments of the parent timeline are in the archive$/m);
    expect(status).toBe(0);
    for (const host of stand.hosts) expect(host.files(stand.walDirectory)).toContain(missing);
  });
});
