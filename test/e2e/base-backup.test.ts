import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BackupStand, CLUSTER_DIRECTORY } from '../support/backup-stand.ts';
import type { PostgresCluster } from '../support/postgres-cluster.ts';
import { findPostgresPrograms, unpackedPostgresPrograms } from '../support/postgres-programs.ts';
import { schedulingPolicyIn } from '../support/scheduling-policy.ts';
import { waitFor } from '../support/wait-for.ts';

const nothingDiffers = { missing: [], unexpected: [] };

describe('base-backup by hand, without a queue', () => {
  let stand: BackupStand;
  let standby: PostgresCluster;

  beforeAll(async () => {
    stand = await BackupStand.create();
    standby = await stand.addStandby();
    const space = '/var/lib/postgresql/space';
    for (const machine of [stand.primary.machine, standby.machine, stand.restorer]) machine.makeDirectory(space, 0o700);
    await stand.primary.sql(`CREATE TABLESPACE extra LOCATION '${space}'`);
    await stand.primary.sql('CREATE TABLE in_extra TABLESPACE extra AS SELECT n FROM generate_series(1, 1000) n');
  });

  afterAll(async () => {
    await stand?.close();
  });

  /** The backup restores with all rows, those in the tablespace too. */
  async function expectRestores(...restore: Parameters<BackupStand['restore']>): Promise<void> {
    const server = await stand.restore(...restore);
    expect(await stand.ledger.difference(server)).toEqual(nothingDiffers);
    expect(await server.value('SELECT sum(n) FROM in_extra')).toBe('500500');
    await server.stop('immediate');
  }

  test('a backup is complete, verified, readable beside its tars, and restores with all rows', async () => {
    const { arch1 } = stand.archive;
    const result = await stand.backUp(arch1);
    expect(result, result.stderr).toMatchObject({ status: 0 });
    expect(result.stdout).toMatch(/^data\.master\.1 of main is complete: /);
    expect(stand.backups(arch1)).toEqual(['data.master.1']);
    const record = stand.record(arch1, 'data.master.1');
    expect(record).toMatchObject({ name: 'data.master.1', verified: true });
    const directory = arch1.machine.path(`${CLUSTER_DIRECTORY}/data.master.1`);
    const kept = ['backup_manifest', 'backup_label', 'tablespace_map', 'global/pg_control', 'SUCCESS'];
    for (const file of ['base.tar.zst', 'pg_wal.tar.zst', ...kept]) {
      expect(statSync(`${directory}/${file}`).mode & 0o777, file).toBe(0o600);
    }
    expect(existsSync(`${directory}/pg_wal.tar`)).toBe(false);
    expect(arch1.files(stand.archive.walDirectory)).toContain(record.startSegment);
    await stand.write(3);
    await expectRestores(arch1, 'data.master.1');
  });

  test('the next one of the other host restores while that host is all that is left', async () => {
    const { arch1, arch2 } = stand.archive;
    expect(await stand.backUp(arch2)).toMatchObject({ status: 0 });
    await stand.write(2);
    await stand.archive.waitForNoDebts();
    await arch1.machine.kill9();
    const onlyArch2 = stand.archive.restoreCommand('--on-unavailable=end');
    await expectRestores(arch2, 'data.master.1', { restoreCommand: onlyArch2 });
    await arch1.machine.boot();
    await arch1.startSshd();
  });

  test('with its own WAL a backup starts without any archive', async () => {
    const server = await stand.restore(stand.archive.arch1, 'data.master.1', { restoreCommand: '/bin/false' });
    expect(await server.value('SELECT sum(n) FROM in_extra')).toBe('500500');
    await server.stop('immediate');
  });

  test.each([
    ['server', 'SHA256'],
    ['client', 'SHA512'],
    ['local', 'CRC32C'],
  ])('compressed by %s, with checksums of %s, a backup restores', async (where, checksums) => {
    const { arch1 } = stand.archive;
    const flags = [...stand.serverFlags(), `--compress=${where}`, `--manifest-checksums=${checksums}`];
    const result = await stand.backUp(arch1, flags);
    expect(result, result.stderr).toMatchObject({ status: 0 });
    const name = stand.backups(arch1).at(-1) ?? '';
    const files = arch1.files(`${CLUSTER_DIRECTORY}/${name}`);
    expect(files.filter((file) => file.endsWith('.tar'))).toEqual([]);
    await expectRestores(arch1, name);
  });

  test('pg_basebackup is batch work for the scheduler, whatever it wakes up for', async () => {
    const { arch1 } = stand.archive;
    const [directory, told] = ['/srv/telling', '/tmp/pg_basebackup.stat'];
    const real = `${findPostgresPrograms()}/pg_basebackup`;
    arch1.machine.makeDirectory(directory);
    arch1.machine.writeFile(
      `${directory}/pg_basebackup`,
      `#!/bin/sh\ncat /proc/$$/stat >${told}\nexec ${real} "$@"\n`,
      0o755,
    );
    const result = await stand.backUp(arch1, [...stand.serverFlags(), '--bindir', directory]);
    expect(result, result.stderr).toMatchObject({ status: 0 });
    expect(schedulingPolicyIn(readFileSync(arch1.machine.path(told), 'utf8'))).toBe('batch');
  });

  test('the hard-link copy is renewed, and nothing is left beside it', async () => {
    const { arch1 } = stand.archive;
    const flags = [...stand.serverFlags(), '--bareos-dir=/archive/bareos.dump'];
    const inode = (path: string) => statSync(arch1.machine.path(path)).ino;
    for (let round = 0; round < 2; round += 1) {
      expect(await stand.backUp(arch1, flags)).toMatchObject({ status: 0 });
      const name = stand.backups(arch1).at(-1) ?? '';
      for (const file of ['backup.json', 'base.tar.zst', 'global/pg_control', 'SUCCESS']) {
        expect(inode(`/archive/bareos.dump/${file}`)).toBe(inode(`${CLUSTER_DIRECTORY}/${name}/${file}`));
      }
      expect(arch1.allFiles('/archive')).toEqual(['bareos.dump', 'main']);
    }
  });

  test('a standby is taken from, and the primary ends the segment that the backup needs', async () => {
    const { arch2 } = stand.archive;
    const result = await stand.backUp(arch2, stand.serverFlags(standby));
    expect(result, result.stderr).toMatchObject({ status: 0 });
    expect(result.stderr).toContain('role=standby');
    await expectRestores(arch2, stand.backups(arch2).at(-1) ?? '');
  });

  test('a standby that is too far behind is not taken from', async () => {
    await standby.sql('SELECT pg_wal_replay_pause()');
    await stand.write(12);
    const { arch2 } = stand.archive;
    const flags = [...stand.serverFlags(standby), '--max-lag=1MB'];
    const result = await stand.backUp(arch2, flags);
    expect(result, result.stderr).toMatchObject({ status: 0 });
    expect(result.stderr).toContain('role=primary');
    const hosts = `host=${stand.primary.machine.address},${standby.machine.address}`;
    const asked = ['--dbname', `${hosts} user=postgres target_session_attrs=standby`, '--max-lag=1MB'];
    expect(await stand.backUp(arch2, asked)).toMatchObject({ status: 60, stderr: expect.stringContaining('behind') });
    await standby.sql('SELECT pg_wal_replay_resume()');
  });

  test('another cluster’s server is refused before anything is written', async () => {
    const machine = await stand.archive.stand.machine('stranger');
    const { PostgresCluster: Cluster } = await import('../support/postgres-cluster.ts');
    const stranger = await Cluster.init(machine);
    await stranger.start();
    const { arch1 } = stand.archive;
    const before = stand.backups(arch1);
    const flags = ['--pghost', machine.address, '--pguser', 'postgres'];
    expect(await stand.backUp(arch1, flags)).toMatchObject({ status: 14 });
    expect(stand.backups(arch1)).toEqual(before);
  });
});

describe('what base-backup does once there is a new backup', () => {
  let stand: BackupStand;

  beforeAll(async () => {
    stand = await BackupStand.create();
  });

  afterAll(async () => {
    await stand?.close();
  });

  test('the newest stay, and the WAL before them goes on both hosts', async () => {
    const [arch1, arch2] = stand.hosts;
    const segments = (host: typeof arch1) =>
      host.files(stand.archive.walDirectory).filter((file) => /^[0-9A-F]{24}$/.test(file));
    for (let round = 1; round <= 3; round += 1) {
      for (const host of stand.hosts) {
        const result = await stand.backUp(host, stand.serverFlags(), 2);
        expect(result, result.stderr).toMatchObject({ status: 0 });
        await stand.write(6);
      }
    }
    const last = await stand.backUp(arch1, stand.serverFlags(), 2);
    expect(stand.backups(arch1)).toEqual(['data.master.3', 'data.master.4']);
    expect(stand.backups(arch2)).toEqual(['data.master.2', 'data.master.3']);
    expect(last.stderr).toContain('wal-cleanup: ');
    expect(last.stderr).toMatch(/wal-sync: equal with arch2/);
    // That of the other host is the oldest.
    const { startSegment } = stand.record(arch2, 'data.master.2');
    for (const host of stand.hosts) expect(segments(host)[0]).toBe(startSegment);
    for (const [host, name] of [[arch1, 'data.master.3'] as const, [arch2, 'data.master.2'] as const]) {
      const server = await stand.restore(host, name);
      expect(await stand.ledger.difference(server)).toEqual(nothingDiffers);
      await server.stop('immediate');
    }
  });

  test('a peer that is away does not make the backup fail', async () => {
    const [arch1, arch2] = stand.hosts;
    await arch2.machine.kill9();
    const result = await stand.backUp(arch1);
    expect(result, result.stderr).toMatchObject({ status: 0 });
    expect(result.stderr).toMatch(/the backup is complete, but wal-cleanup ended with status 2\d/);
    expect(result.stderr).toMatch(/the backup is complete, but wal-sync ended with status 2\d/);
    await arch2.machine.boot();
    await arch2.startSshd();
  });
});

describe('a role that may do no more than it needs', () => {
  let stand: BackupStand;

  beforeAll(async () => {
    stand = await BackupStand.create();
    await stand.primary.sql("CREATE ROLE backup LOGIN REPLICATION PASSWORD 'secret'");
    const hba = stand.primary.machine.path(`${stand.primary.dataDirectory}/pg_hba.conf`);
    writeFileSync(hba, 'local all all trust\nhost replication,postgres backup 0.0.0.0/0 scram-sha-256\n');
    await stand.primary.reload();
  });

  afterAll(async () => {
    await stand?.close();
  });

  const flags = () => ['--pghost', stand.primary.machine.address, '--pguser', 'backup'];

  test('without a password it is refused, and the message says by whom and why', async () => {
    const result = await stand.backUp(stand.archive.arch1, flags());
    expect(result).toMatchObject({ status: 60, stderr: expect.stringContaining('does not answer') });
  });

  test('takes a backup with REPLICATION alone, and the password is seen in no process', async () => {
    const { arch1 } = stand.archive;
    arch1.machine.writeFile('/var/lib/postgresql/.pgpass', '*:*:*:backup:secret\n');
    const program = stand.begin(arch1, [...flags(), '--max-rate=1M']);
    await waitFor(() => arch1.machine.processes(/pg_basebackup --pgdata/).length > 0, { what: 'pg_basebackup to run' });
    for (const { pid } of arch1.machine.processes()) {
      for (const file of ['cmdline', 'environ']) {
        expect(readProcess(pid, file), file).not.toContain('secret');
      }
    }
    const result = await program.endWithin(60_000);
    expect(result, result.stderr).toMatchObject({ status: 0 });
    expect(`${result.stdout}${result.stderr}`).not.toContain('secret');
  });
});

describe.each([17, 18])('PostgreSQL %i', (major) => {
  const programs = unpackedPostgresPrograms(major);

  test.skipIf(programs === undefined)('its backups are verified and restore', async () => {
    const stand = await BackupStand.create({ major });
    try {
      const { arch1 } = stand.archive;
      for (const compress of ['server', 'local']) {
        const flags = [...stand.serverFlags(), '--bindir', programs ?? '', `--compress=${compress}`];
        const result = await stand.backUp(arch1, flags);
        expect(result, result.stderr).toMatchObject({ status: 0 });
      }
      await stand.write(1);
      const server = await stand.restore(arch1, 'data.master.2', { major });
      expect(await stand.ledger.difference(server)).toEqual(nothingDiffers);
      await server.stop('immediate');
    } finally {
      await stand.close();
    }
  });
});

function readProcess(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    // It has ended since.
    return '';
  }
}
