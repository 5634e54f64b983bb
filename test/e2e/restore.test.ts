import { renameSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ArchiveStand } from '../support/archive-stand.ts';
import { Ledger } from '../support/ledger.ts';
import type { Machine } from '../support/machine.ts';
import { type Backup, PostgresCluster } from '../support/postgres-cluster.ts';
import { waitFor } from '../support/wait-for.ts';

describe('PostgreSQL restores', () => {
  let stand: ArchiveStand;
  let restorer: Machine;
  let primary: PostgresCluster;
  let backup: Backup;
  let ledger: Ledger;
  let copies = 0;

  beforeAll(async () => {
    stand = await ArchiveStand.create();
    restorer = await stand.stand.machine('restorer');
    await stand.admit(restorer, 'get');
    primary = await PostgresCluster.init(stand.primary);
    await stand.startArchiving(primary);
    ledger = await Ledger.create(primary);
    await ledger.append();
    // Without WAL: all of it must come from the archive.
    backup = await primary.backup(undefined, { wal: 'none' });
    await write(40);
  });

  afterAll(async () => {
    await ledger?.close();
    await stand?.close();
  });

  /** Commits rows over several segments, and returns when all of them are archived. */
  const write = async (rows: number) => {
    for (let row = 0; row < rows; row += 1) await ledger.append({ paddingBytes: 100_000 });
    await primary.waitForArchived(await primary.switchWal());
    await stand.waitForNoDebts();
  };

  const restored = async (
    restoreCommand: string,
    options: { standby?: boolean; settings?: Record<string, string> } = {},
  ) => {
    copies += 1;
    const { standby = false, settings = {} } = options;
    return await PostgresCluster.fromBackup(restorer, backup, {
      name: `copy${copies}`,
      standby,
      restoreCommand,
      settings: { wal_retrieve_retry_interval: '200ms', ...settings },
    });
  };

  const whole = { missing: [], unexpected: [] };
  const onlyFrom = (host: string, ...flags: string[]) => stand.restoreCommand(...flags).replace('"arch1 arch2"', host);

  test.each(['arch1', 'arch2'])('to the latest from %s alone: exactly what was committed', async (host) => {
    const copy = await restored(onlyFrom(host));
    await copy.start();
    await copy.pollUntil('SELECT pg_is_in_recovery()', 'f');
    expect(await ledger.difference(copy)).toEqual(whole);
    await copy.stop('immediate');
  });

  test.each(['arch1', 'arch2'])('to a point in time from %s alone: exactly what was committed then', async (host) => {
    const entry = ledger.confirmed[20];
    const settings = { recovery_target_time: entry?.confirmedAt ?? '', recovery_target_action: 'promote' };
    const copy = await restored(onlyFrom(host), { settings });
    await copy.start();
    await copy.pollUntil('SELECT pg_is_in_recovery()', 'f');
    expect(await ledger.difference(copy, { upTo: entry?.number ?? 0 })).toEqual(whole);
    await copy.stop('immediate');
  });

  test('a standby that only restore_cmd feeds follows, with one host dead and with the other, and is promoted', async () => {
    const standby = await restored(stand.restoreCommand('--connect-timeout=1', '--stall-timeout=2'), { standby: true });
    await standby.start();
    const follows = async () => {
      const last = ledger.confirmed.at(-1)?.number ?? 0;
      await standby.pollUntil(`SELECT max(number) >= ${last} FROM ledger`, 't', 40_000);
      expect(await ledger.difference(standby)).toEqual(whole);
    };
    await follows();
    for (const { machine } of stand.hosts) {
      await restorer.cut(machine);
      await write(15);
      await follows();
      await restorer.heal(machine);
    }
    await write(5);
    await follows();
    await standby.promote();
    expect(await ledger.difference(standby)).toEqual(whole);
    expect(standby.log()).toContain('selected new timeline ID');
    await standby.stop('immediate');
  });

  /** The recovery ends with an error, and the database has not been opened. */
  const expectRefusal = async (copy: PostgresCluster) => {
    await copy.startWithoutWaiting();
    await waitFor(() => copy.log().includes('FATAL') && !copy.isRunning, {
      what: 'recovery to stop',
      timeoutMs: 40_000,
    });
    expect(copy.log()).not.toMatch(/ready to accept connections|selected new timeline/);
  };

  test('to the latest with one host away: the database does not open, and does when the host is back', async () => {
    const copy = await restored(stand.restoreCommand('--unavailable-timeout=2', '--connect-timeout=1'));
    await restorer.cut(stand.arch2.machine);
    await expectRefusal(copy);
    expect(copy.log()).toMatch(/recovery must not end/);
    await restorer.heal(stand.arch2.machine);
    await copy.start();
    await copy.pollUntil('SELECT pg_is_in_recovery()', 'f');
    expect(await ledger.difference(copy)).toEqual(whole);
    await copy.stop('immediate');
  });

  test('to the latest over a hole: the database does not open', async () => {
    const segments = stand.arch1.files(stand.walDirectory).filter((name) => name.length === 24);
    const name = segments.at(-4) ?? '';
    const paths = stand.hosts.map(({ machine }) => machine.path(`${stand.walDirectory}/${name}`));
    for (const path of paths) renameSync(path, `${path}.away`);
    const copy = await restored(stand.restoreCommand('--unavailable-timeout=2'));
    await expectRefusal(copy);
    expect(copy.log()).toContain(name);
    // One host finds it again: that is enough.
    renameSync(`${paths[1]}.away`, paths[1] ?? '');
    await copy.start();
    await copy.pollUntil('SELECT pg_is_in_recovery()', 'f');
    expect(await ledger.difference(copy)).toEqual(whole);
    await copy.stop('immediate');
    renameSync(`${paths[0]}.away`, paths[0] ?? '');
  });
});
