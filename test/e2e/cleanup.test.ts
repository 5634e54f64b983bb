import { readFileSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ArchiveHost } from '../support/archive-host.ts';
import { ArchiveStand } from '../support/archive-stand.ts';
import { cleanUp, KeptBackup } from '../support/kept-backup.ts';
import { Ledger } from '../support/ledger.ts';
import type { Machine } from '../support/machine.ts';
import { PostgresCluster } from '../support/postgres-cluster.ts';
import { BIN_DIRECTORY } from '../support/repository.ts';
import { waitFor } from '../support/wait-for.ts';

const segmentName = /^[0-9A-F]{24}$/;

describe('wal-cleanup with two hosts, a server and its base backups', () => {
  let stand: ArchiveStand;
  let restorer: Machine;
  let primary: PostgresCluster;
  let ledger: Ledger;
  let backups: KeptBackup[];
  let copies = 0;
  /** The first segment that was archived. */
  let oldest: string;

  beforeAll(async () => {
    stand = await ArchiveStand.create();
    restorer = await stand.stand.machine('restorer');
    await stand.admit(restorer, 'get');
    primary = await PostgresCluster.init(stand.primary);
    await stand.startArchiving(primary);
    ledger = await Ledger.create(primary);
    backups = [];
    // In turn on the two hosts, as a queue would have it.
    for (const [index, host] of [stand.arch1, stand.arch2, stand.arch1, stand.arch2].entries()) {
      await write(12);
      const backup = new KeptBackup(host, index + 1);
      await backup.take(primary);
      backups.push(backup);
    }
    await write(12);
    oldest = segments(stand.arch1)[0] ?? '';
  });

  afterAll(async () => {
    await ledger?.close();
    await stand?.close();
  });

  async function write(rows: number): Promise<void> {
    for (let row = 0; row < rows; row += 1) await ledger.append({ paddingBytes: 100_000 });
    await primary.waitForArchived(await primary.switchWal());
    await stand.waitForNoDebts();
  }

  const wal = (host: ArchiveHost) => host.files(stand.walDirectory);
  const segments = (host: ArchiveHost) => wal(host).filter((name) => segmentName.test(name));
  const startOf = (backup: KeptBackup) => {
    const label = readFileSync(backup.host.machine.path(`${backup.directory}/backup_label`), 'utf8');
    return /\(file ([0-9A-F]{24})\)/.exec(label)?.[1] ?? '';
  };
  const tombstones = (host: ArchiveHost) => host.files('/archive/main/state/tombstones');

  async function expectRestores(
    backup: KeptBackup,
    duringIt: () => Promise<void> = async () => undefined,
  ): Promise<void> {
    copies += 1;
    const name = `copy${copies}`;
    const copied = await backup.copyTo(restorer, `${primary.dataDirectory}.of-${name}`);
    const copy = await PostgresCluster.fromBackup(restorer, copied, {
      name,
      standby: false,
      restoreCommand: stand.restoreCommand('--prefetch=1'),
    });
    await copy.startWithoutWaiting();
    await duringIt();
    await copy.pollUntil('SELECT pg_is_in_recovery()', 'f', 60_000).catch(() => copy.start());
    await copy.pollUntil('SELECT pg_is_in_recovery()', 'f');
    expect(await ledger.difference(copy)).toEqual({ missing: [], unexpected: [] });
    await copy.stop('immediate');
  }

  const pins = (host: ArchiveHost) => host.files('/archive/main/state/pins');

  /** What a restore holds is over a quarter of an hour later. */
  function endPins(): void {
    for (const host of stand.hosts) {
      for (const pin of pins(host)) rmSync(host.machine.path(`/archive/main/state/pins/${pin}`));
    }
  }

  test('a dry run shows the plan of both hosts and removes nothing', async () => {
    const before = stand.hosts.map(wal);
    const result = await cleanUp(stand.arch1, ['--cluster-dir', '/archive/main', 'arch2', '--dry-run']);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    const first = startOf(backups[0]!);
    const removed = segments(stand.arch1).filter((name) => name < first).length;
    expect(removed).toBeGreaterThan(0);
    for (const host of ['arch1', 'arch2']) {
      expect(result.stdout).toMatch(
        new RegExp(`^${host}: ${removed} of \\d+ files go, .* ${first} and later are needed`, 'm'),
      );
    }
    expect(result.stdout).toMatch(
      new RegExp(`^  timeline 1: ${removed} files, .* ${segments(stand.arch1)[0]} to `, 'm'),
    );
    expect(stand.hosts.map(wal)).toEqual(before);
  });

  test('from either host, both are clean up to the oldest backup on either, and all backups restore', async () => {
    const [first, , third] = backups;
    const result = await cleanUp(stand.arch2, ['--cluster-dir', '/archive/main', 'arch1']);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    for (const host of stand.hosts) expect(segments(host)[0]).toBe(startOf(first!));
    expect(wal(stand.arch1)).toEqual(wal(stand.arch2));
    expect(stand.hosts.map(tombstones)).toEqual([[], []]);
    await expectRestores(first!);
    endPins();
    first!.remove();
    // Two backups of the other host, and one here, are left: the oldest is over there.
    const old = [third!.directory, stand.walDirectory, 'arch2'];
    expect(await cleanUp(stand.arch1, old)).toMatchObject({ status: 0, stderr: '' });
    for (const host of stand.hosts) expect(segments(host)[0]).toBe(startOf(backups[1]!));
  });

  test('72: a restore goes on while its backup is rotated away and cleanups run: it has pinned its WAL', async () => {
    const backup = backups[1]!;
    const start = startOf(backup);
    await expectRestores(backup, async () => {
      await waitFor(() => stand.hosts.every((host) => pins(host).length > 0), { what: 'the restore to pin its WAL' });
      backup.remove();
      for (const host of stand.hosts) {
        const peer = host === stand.arch1 ? 'arch2' : 'arch1';
        expect(await cleanUp(host, ['--cluster-dir', '/archive/main', peer])).toMatchObject({ status: 0 });
      }
      for (const host of stand.hosts) expect(segments(host)).toContain(start);
    });
    endPins();
    expect(await cleanUp(stand.arch1, ['--cluster-dir', '/archive/main', 'arch2'])).toMatchObject({ status: 0 });
    for (const host of stand.hosts) expect(segments(host)[0]).toBe(startOf(backups[2]!));
  });

  test('73: a base backup that is being taken keeps its WAL, and restores', async () => {
    const backup = new KeptBackup(stand.arch1, 5);
    const underWay = backup.begin(primary);
    let cleanups = 0;
    while (underWay.isRunning) {
      const { status } = await cleanUp(stand.arch2, ['--cluster-dir', '/archive/main', 'arch1']);
      // Before its label is there, nobody knows what it needs: refused.
      expect([0, 44]).toContain(status);
      cleanups += 1;
    }
    expect(cleanups).toBeGreaterThan(0);
    expect((await underWay.ended).status).toBe(0);
    await backup.publish();
    for (const old of backups) if (old.exists) old.remove();
    expect(await cleanUp(stand.arch1, ['--cluster-dir', '/archive/main', 'arch2', '--force'])).toMatchObject({
      status: 44,
    });
    const kept = new KeptBackup(stand.arch2, 6);
    await write(3);
    await kept.take(primary);
    for (const host of stand.hosts) {
      const peer = host === stand.arch1 ? 'arch2' : 'arch1';
      await cleanUp(host, ['--cluster-dir', '/archive/main', peer, '--force']);
    }
    for (const host of stand.hosts) expect(segments(host)[0]).toBe(startOf(backup));
    await expectRestores(backup);
    endPins();
  });

  test('a segment that was cleaned up and is archived again is stored on both hosts, and goes with the next cleanup', async () => {
    const name = oldest;
    expect(segments(stand.arch1)).not.toContain(name);
    const path = `${primary.dataDirectory}/pg_wal/${name}`;
    expect(await stand.archive(path, { flags: ['--no-agent'] })).toMatchObject({ status: 0 });
    for (const host of stand.hosts) expect(segments(host)).toContain(name);
    expect(await cleanUp(stand.arch1, ['--cluster-dir', '/archive/main', 'arch2'])).toMatchObject({ status: 0 });
    for (const host of stand.hosts) expect(segments(host)).not.toContain(name);
    const sync = [
      `${BIN_DIRECTORY}/wal-sync`,
      stand.walDirectory,
      'arch2',
      '--remote-cmd',
      `${BIN_DIRECTORY}/archive_remote_cmd`,
    ];
    expect(await stand.arch1.machine.run(sync)).toMatchObject({ status: 0 });
    for (const host of stand.hosts) expect(segments(host)).not.toContain(name);
  });
});
