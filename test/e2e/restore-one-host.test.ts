import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ArchiveHost } from '../support/archive-host.ts';
import { ArchiveStand } from '../support/archive-stand.ts';
import { Ledger } from '../support/ledger.ts';
import type { Machine } from '../support/machine.ts';
import { type Backup, PostgresCluster } from '../support/postgres-cluster.ts';
import { BIN_DIRECTORY } from '../support/repository.ts';
import { waitFor } from '../support/wait-for.ts';

const impatient = ['--unavailable-timeout=1', '--connect-timeout=1'];

describe('a recovery to the latest, with one archive host gone for good,', () => {
  let stand: ArchiveStand;
  let restorer: Machine;
  let primary: PostgresCluster;
  let backup: Backup;
  let ledger: Ledger;
  let copies = 0;

  beforeAll(async () => {
    stand = await ArchiveStand.create({ serveFlags: ['--peer-cooldown', '0.2', '--connect-timeout', '1'] });
    restorer = await stand.stand.machine('restorer');
    await stand.admit(restorer, 'get');
    primary = await PostgresCluster.init(stand.primary);
    await stand.startArchiving(primary, '--min-copies=2');
    ledger = await Ledger.create(primary);
    backup = await primary.backup(undefined, { wal: 'none' });
  });

  afterAll(async () => {
    await ledger?.close();
    await stand?.close();
  });

  /** Commits rows over several segments; returns when all of them are archived. */
  const write = async () => {
    for (let row = 0; row < 12; row += 1) await ledger.append({ paddingBytes: 100_000 });
    await primary.waitForArchived(await primary.switchWal(), 60_000);
  };

  const pledgeOf = async ({ machine }: ArchiveHost, action = 'show') => {
    const words = ['pledge', action, '--dir', '/archive/main', '--cluster', 'main'];
    return await machine.check([`${BIN_DIRECTORY}/archive_remote_cmd`, ...words]);
  };

  const waitForPledges = async (arch1: string, arch2: string) => {
    const expected = [arch1, arch2];
    const areThere = async () => {
      const found = await Promise.all(stand.hosts.map((host) => pledgeOf(host)));
      if (!found.every((text, at) => text.startsWith(expected[at] ?? ''))) throw new Error(found.join(''));
      return true;
    };
    await waitFor(areThere, { what: `the pledges to be ${expected.join(' and ')}`, timeoutMs: 30_000 });
  };

  const other = (host: ArchiveHost) => (host === stand.arch1 ? stand.arch2 : stand.arch1);

  /** The recovery that is left when nobody reaches `gone` any more. */
  const recoveryWithout = async (gone: ArchiveHost) => {
    copies += 1;
    await restorer.cut(gone.machine);
    return await PostgresCluster.fromBackup(restorer, backup, {
      name: `copy${copies}`,
      standby: false,
      restoreCommand: stand.restoreCommand(...impatient),
    });
  };

  const expectAllRows = async (gone: ArchiveHost) => {
    const copy = await recoveryWithout(gone);
    await copy.start();
    await copy.pollUntil('SELECT pg_is_in_recovery()', 'f');
    expect(await ledger.difference(copy)).toEqual({ missing: [], unexpected: [] });
    await copy.stop('immediate');
    await restorer.heal(gone.machine);
  };

  const expectRefusal = async (gone: ArchiveHost) => {
    const copy = await recoveryWithout(gone);
    await copy.startWithoutWaiting();
    await waitFor(() => copy.log().includes('FATAL') && !copy.isRunning, {
      what: 'the recovery to stop',
      timeoutMs: 40_000,
    });
    expect(copy.log()).toMatch(/recovery must not end/);
    expect(copy.log()).not.toMatch(/ready to accept connections|selected new timeline/);
    await restorer.heal(gone.machine);
  };

  test('opens with all rows where the sender asks for two copies, whichever host is left', async () => {
    await write();
    await waitForPledges('held', 'held');
    await write();
    for (const gone of stand.hosts) await expectAllRows(gone);
  });

  test('stops where one copy was enough for the sender', async () => {
    await primary.setArchiveCommand(stand.archiveCommand('--min-copies=1'));
    await write();
    await waitForPledges('no pledge', 'no pledge');
    await stand.waitForNoDebts();
    for (const gone of stand.hosts) await expectRefusal(gone);
  });

  test('stops where the sender went on with one copy after a person had waived what the other host relies on', async () => {
    await primary.setArchiveCommand(stand.archiveCommand('--min-copies=2'));
    await write();
    await waitForPledges('held', 'held');
    const { arch1, arch2 } = stand;
    await primary.machine.cut(arch2.machine);
    await arch1.machine.cut(arch2.machine);
    await primary.setArchiveCommand(stand.archiveCommand('--min-copies=1', '--connect-timeout=1'));
    const name = await primary.switchWal();
    const isRefused = async () => (await primary.archiverStats()).lastFailedWal >= name;
    await waitFor(isRefused, { what: `${name} to be refused`, timeoutMs: 30_000 });
    expect(primary.log()).toMatch(/relies on --min-copies=2 and cannot be told of less/);
    expect(await pledgeOf(arch1)).toMatch(/^ended/);
    // The segment is on one host alone: what the other one says of it must not end a recovery.
    await pledgeOf(arch1, 'waive');
    await write();
    await arch1.machine.heal(arch2.machine);
    await primary.machine.heal(arch2.machine);
    await write();
    await waitForPledges('no pledge', 'no pledge');
    await expectRefusal(other(arch2));
  });
});
