import { utimesSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PostgresCluster } from '../support/postgres-cluster.ts';
import { BIN_DIRECTORY } from '../support/repository.ts';
import { RestoreStand } from '../support/restore-stand.ts';

describe('a standby that is kept an hour behind', () => {
  let it: RestoreStand;
  const delayed = () => `${it.stand.restoreCommand()} 3600`;
  const settings = { wal_retrieve_retry_interval: '200ms' };

  beforeAll(async () => {
    it = await RestoreStand.create();
    await it.write(10);
    makeOld();
  });

  afterAll(async () => {
    await it?.close();
  });

  /** Says on both hosts that what is archived now was written two hours ago. */
  const makeOld = () => {
    const { hosts, walDirectory } = it.stand;
    const seconds = Date.now() / 1000 - 7200;
    for (const host of hosts) {
      for (const name of host.files(walDirectory))
        utimesSync(host.machine.path(`${walDirectory}/${name}`), seconds, seconds);
    }
  };

  const delay = async (standby: PostgresCluster, ...words: string[]) => {
    const command = [`${BIN_DIRECTORY}/restore_cmd`, 'delay', ...words, '--data-dir', standby.dataDirectory];
    return await it.restorer.check(command);
  };

  /** Commits rows and then loses the table, all in one segment; the moment between, and the segment. */
  const loseTable = async () => {
    for (let row = 0; row < 5; row += 1) await it.ledger.append();
    const moment = it.ledger.confirmed.at(-1)?.confirmedAt ?? '';
    await it.primary.sql('ALTER TABLE ledger RENAME TO lost');
    const name = await it.primary.switchWal();
    await it.primary.waitForArchived(name);
    await it.stand.waitForNoDebts();
    return { moment, name };
  };

  /** Holds the standby, and has it replay up to the moment: where in the segment to stop is PostgreSQL's to find. */
  const replayUpTo = async (standby: PostgresCluster, moment: string) => {
    expect(await delay(standby, 'pause')).toContain('mode=paused');
    await standby.stop();
    standby.configure({ recovery_target_time: moment, recovery_target_action: 'pause' });
    await standby.start();
    expect(await delay(standby, 'release', '--until', moment)).toContain('mode=released');
    await standby.pollUntil('SELECT pg_get_wal_replay_pause_state()', 'paused');
    expect(standby.log()).toContain('recovery stopping before commit');
  };

  test('is stopped before a table is lost, and everything of it is there', async () => {
    const standbys = await Promise.all(
      [1, 2].map(() => it.copy({ standby: true, restoreCommand: delayed(), settings })),
    );
    const before = `${it.ledger.confirmed.at(-1)?.number}`;
    for (const standby of standbys) {
      await standby.start();
      await standby.pollUntil('SELECT max(number) FROM ledger', before);
    }
    const { moment, name } = await loseTable();
    for (const standby of standbys) {
      expect(await standby.value('SELECT max(number) FROM ledger')).toBe(before);
      await replayUpTo(standby, moment);
      expect(await delay(standby, 'show')).toContain(`lastSegment=${name}`);
    }
    const [promoted, following] = standbys;
    // Until then the lock of the statement that is not committed keeps readers of the table waiting.
    await promoted?.promote();
    if (promoted !== undefined) expect(await it.ledger.difference(promoted)).toEqual({ missing: [], unexpected: [] });
    if (following !== undefined) {
      following.configure({ recovery_target_time: '' });
      await following.restart();
      await delay(following, 'resume');
      await following.pollUntil("SELECT to_regclass('lost') IS NOT NULL", 't');
    }
    for (const standby of standbys) await standby.stop('immediate');
    await it.primary.sql('ALTER TABLE lost RENAME TO ledger');
  });

  test('is warned, once, that it streams past its delay', async () => {
    const primaryConninfo = it.primary.connectionString();
    const standby = await it.copy({
      standby: true,
      restoreCommand: delayed(),
      settings: { ...settings, primary_conninfo: primaryConninfo },
    });
    await standby.start();
    const last = it.ledger.confirmed.at(-1)?.number ?? 0;
    await standby.pollUntil('SELECT max(number) FROM ledger', `${last}`);
    const warnings = standby
      .log()
      .split('\n')
      .filter((line) => line.includes('recovery_min_apply_delay'));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('primary_conninfo is set');
    await standby.stop('immediate');
  });
});
