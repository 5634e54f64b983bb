import { afterEach, describe, expect, test } from 'vitest';
import { ArchiveStand } from '../support/archive-stand.ts';
import { PostgresCluster } from '../support/postgres-cluster.ts';
import { unpackedPostgresPrograms } from '../support/postgres-programs.ts';

/** Versions that this computer's packages may not have; scripts/postgres-versions.sh unpacks them. */
const majors = [17, 18];

describe.each(majors)('with PostgreSQL %d', (major) => {
  const programs = unpackedPostgresPrograms(major);
  let stand: ArchiveStand | undefined;

  afterEach(async () => {
    await stand?.close();
  });

  const rowsOf = async (cluster: PostgresCluster) =>
    (await cluster.sql('SELECT number FROM ledger ORDER BY number')).map(Number);

  const opensWith = async (cluster: PostgresCluster, rows: number[]) => {
    await cluster.start();
    await cluster.pollUntil('SELECT pg_is_in_recovery()', 'f');
    expect(await rowsOf(cluster)).toEqual(rows);
    await cluster.stop('immediate');
  };

  test.skipIf(programs === undefined)(
    '(else run scripts/postgres-versions.sh) WAL is archived, restored, and follows a failover',
    async () => {
      stand = await ArchiveStand.create();
      const machine = await stand.stand.machine('standby');
      await stand.admit(machine, 'put,get');
      const primary = await PostgresCluster.init(stand.primary, { major });
      expect(await stand.primary.check([`${programs}/postgres`, '--version'])).toContain(` ${major}.`);
      await stand.startArchiving(primary);
      await primary.sql('CREATE TABLE ledger (number int PRIMARY KEY)');
      const backup = await primary.backup(undefined, { wal: 'none' });
      const standby = await PostgresCluster.fromBackup(machine, backup, {
        name: 'standby',
        major,
        standby: true,
        restoreCommand: stand.restoreCommand(),
        settings: {
          archive_mode: 'on',
          archive_command: stand.archiveCommand(),
          wal_retrieve_retry_interval: '200ms',
          wal_keep_size: '64MB',
        },
      });
      await standby.start();
      for (const number of [1, 2, 3]) {
        await primary.sql(`INSERT INTO ledger VALUES (${number})`);
        await primary.waitForArchived(await primary.switchWal());
      }
      await standby.pollUntil('SELECT max(number) FROM ledger', '3');
      const restore = { major, standby: false, restoreCommand: stand.restoreCommand('--unavailable-timeout=0') };
      await opensWith(await PostgresCluster.fromBackup(machine, backup, { ...restore, name: 'before' }), [1, 2, 3]);

      await primary.stop('immediate');
      await standby.promote();
      for (const number of [4, 5]) {
        await standby.sql(`INSERT INTO ledger VALUES (${number})`);
        await standby.waitForArchived(await standby.switchWal());
      }
      await stand.waitForNoDebts();
      await opensWith(
        await PostgresCluster.fromBackup(machine, backup, { ...restore, name: 'after' }),
        [1, 2, 3, 4, 5],
      );
      expect((await standby.archiverStats()).failedCount).toBe(0);

      // Not known is not the end in this version either.
      const refused = await PostgresCluster.fromBackup(machine, backup, { ...restore, name: 'refused' });
      await stand.arch2.killSshd();
      await expect(refused.start()).rejects.toThrow('command not executable');
      expect(refused.log()).not.toContain('selected new timeline');
    },
  );
});
