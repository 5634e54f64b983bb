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

  test('is stopped before the table was dropped, and everything of it is there', async () => {
    const standby = await it.copy({ standby: true, restoreCommand: delayed(), settings });
    await standby.start();
    const before = it.ledger.confirmed.at(-1)?.number ?? 0;
    await standby.pollUntil('SELECT max(number) FROM ledger', `${before}`);
    for (let row = 0; row < 5; row += 1) await it.ledger.append();
    const last = it.ledger.confirmed.at(-1);
    await it.primary.sql('ALTER TABLE ledger RENAME TO dropped');
    const name = await it.primary.switchWal();
    await it.primary.waitForArchived(name);
    await it.stand.waitForNoDebts();

    expect(await delay(standby, 'pause')).toContain('mode=paused');
    await standby.stop();
    // The segment holds the last commits and the drop: where in it to stop is PostgreSQL's to find.
    const moment = last?.confirmedAt ?? '';
    standby.configure({ recovery_target_time: moment, recovery_target_action: 'pause' });
    await standby.start();
    expect(await standby.value('SELECT max(number) FROM ledger')).toBe(`${before}`);
    expect(await delay(standby, 'release', '--until', moment)).toContain('mode=released');
    await standby.pollUntil('SELECT pg_get_wal_replay_pause_state()', 'paused');
    expect(standby.log()).toContain('recovery stopping before commit');
    expect(await delay(standby, 'show')).toContain(`lastSegment=${name}`);
    // Until then the lock of the statement that is not committed keeps readers of the table waiting.
    await standby.promote();
    expect(await it.ledger.difference(standby)).toEqual({ missing: [], unexpected: [] });
    await standby.stop('immediate');
    await it.primary.sql('ALTER TABLE dropped RENAME TO ledger');
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
