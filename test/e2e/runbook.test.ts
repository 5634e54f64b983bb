import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ArchiveHost } from '../support/archive-host.ts';
import { BackupStand, CLUSTER_DIRECTORY } from '../support/backup-stand.ts';
import type { Machine } from '../support/machine.ts';
import { BIN_DIRECTORY } from '../support/repository.ts';
import { firstUnprinted, type RunbookCommand, readRunbook } from '../support/runbook.ts';
import { waitFor } from '../support/wait-for.ts';

// A section is a dozen programs, some of which start a server.
vi.setConfig({ testTimeout: 300_000 });

/** Every command of docs/runbook.md, where the names fit, in the state that its section is about. */
describe('the runbook', () => {
  const commands = readRunbook();
  const done = new Set<RunbookCommand>();
  let stand: BackupStand;
  let machines: Record<string, Machine>;
  /** Just before the table was dropped. */
  let before: string;

  const settings = (machine: Machine, command: string, lines: readonly string[]) =>
    machine.writeFile(`/etc/default/${command}`, `${lines.join('\n')}\n`, 0o644);

  beforeAll(async () => {
    stand = await BackupStand.create();
    const { archive, restorer, primary } = stand;
    machines = { db1: archive.primary, spare: restorer, arch1: archive.arch1.machine, arch2: archive.arch2.machine };
    for (const machine of Object.values(machines)) {
      machine.addHostName('db1', archive.primary.address);
      machine.addHostName('spare', restorer.address);
    }
    await primary.sql('CREATE ROLE backup REPLICATION LOGIN; GRANT pg_monitor TO backup; ALTER ROLE backup SUPERUSER');
    const where = ['CLUSTER=main', `CLUSTER_DIR=${CLUSTER_DIRECTORY}`];
    for (const machine of [restorer, archive.primary]) {
      for (const command of ['backup-restore', 'archive-status'])
        settings(machine, command, [...where, 'HOSTS="arch1 arch2"']);
    }
    const queue = 'QUEUE=sqlite:/archive/queue.sqlite';
    for (const [host, peer] of [
      [archive.arch1.machine, 'arch2'],
      [archive.arch2.machine, 'arch1'],
    ] as const) {
      for (const command of ['backup-verify', 'wal-cleanup']) settings(host, command, [...where, `PEER=${peer}`]);
      settings(host, 'archive-status', [...where, `HOSTS="- ${peer}"`]);
      for (const command of ['backup-queue', 'base-backup']) settings(host, command, [queue]);
    }
    const arch1 = archive.arch1.machine;
    await arch1.check([`${BIN_DIRECTORY}/backup-queue`, 'init']);
    const server = `host=db1 user=backup dbname=postgres`;
    const schedule = ['--conninfo', server, '--hosts', 'arch1', '--directory', CLUSTER_DIRECTORY];
    await arch1.check([`${BIN_DIRECTORY}/backup-queue`, 'add', 'main', ...schedule]);
    for (const host of stand.hosts) expect(await stand.backUp(host)).toMatchObject({ status: 0 });
    await stand.write(2);
  });

  afterAll(async () => {
    await stand?.ledger.close();
    await stand?.archive.close();
  });

  /** What the runbook's example is called on this stand. */
  const here = (text: string) =>
    text
      .replaceAll('/storage/main', CLUSTER_DIRECTORY)
      .replaceAll('archive@', '')
      .replaceAll('2026-11-21 10:07:21+00', before ?? '');

  /** Runs the next commands of a section, all that are left or so many. */
  async function follow(section: string, count?: number): Promise<void> {
    const next = commands.filter((command) => command.section === section && !done.has(command)).slice(0, count);
    expect(next.length, `commands of "${section}"`).toBeGreaterThan(0);
    for (const command of next) {
      done.add(command);
      const line = here(command.line);
      const machine = machines[command.machine] as Machine;
      const { status, stdout, stderr } = await machine.run(['sh', '-c', line], { timeoutMs: 110_000 });
      const what = `${command.machine}$ ${line}\n${stdout}${stderr}`;
      expect(status, what).toBe(command.status);
      expect(firstUnprinted(command.output.map(here), stdout + stderr), what).toBeUndefined();
    }
  }

  const emptyHost = async (host: ArchiveHost) => {
    rmSync(host.machine.path(CLUSTER_DIRECTORY), { recursive: true });
  };

  test('before anything happens', async () => {
    await follow('Before anything happens');
  });

  test('a table was dropped', async () => {
    const { primary } = stand;
    await primary.sql('CREATE TABLE orders AS SELECT generate_series(1, 1000) AS number');
    before = await primary.value("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00')");
    await primary.sql('DROP TABLE orders');
    await stand.write(1);
    await follow('A table was dropped');
    expect(await primary.value('SELECT count(*) FROM orders')).toBe('1000');
  });

  test('the backup failed', async () => {
    await stand.write(1);
    await follow('The backup failed', 5);
    await stand.primary.stop('immediate');
    await follow('The backup failed');
    await stand.primary.start();
    await stand.ledger.reconnect();
  });

  test('verification failed', async () => {
    const base = stand.archive.arch1.machine.path(join(CLUSTER_DIRECTORY, 'data.master.1/base.tar.zst'));
    const content = readFileSync(base);
    writeFileSync(base, content.fill(0x5a, content.length >> 1, (content.length >> 1) + 64));
    await follow('Verification failed', 4);
    await stand.write(1);
    await follow('Verification failed');
  });

  test('the disk is full', async () => {
    await stand.write(2);
    await follow('The disk is full');
  });

  test('one archive host is gone', async () => {
    const { arch2 } = stand.archive;
    await arch2.machine.kill9();
    await follow('One archive host is gone', 2);
    await arch2.machine.boot();
    await arch2.startSshd();
    await emptyHost(arch2);
    await follow('One archive host is gone');
  });

  test('the primary is gone', async () => {
    await stand.archive.admit(stand.restorer, 'put,get');
    await stand.write(2);
    await stand.primary.kill9();
    await follow('The primary is gone');
  });

  test('both are gone', async () => {
    // The one that took over is gone, too, and the old primary is back with all its data: for this stand, the same as a new beginning.
    await stand.restorer.check(['pg_ctl', '-D', '/var/lib/postgresql/successor', '-m', 'immediate', 'stop']);
    for (const { machine } of stand.hosts) await machine.kill9();
    await follow('Both are gone', 1);
    for (const host of stand.hosts) {
      await host.machine.boot();
      await host.startSshd();
      await emptyHost(host);
    }
    await stand.primary.start();
    await follow('Both are gone', 4);
    const first = stand.archive.arch1.machine.path(`${CLUSTER_DIRECTORY}/cluster.json`);
    await waitFor(() => existsSync(first), { what: 'the first segment', timeoutMs: 60_000 });
    await follow('Both are gone');
  });

  test('has no command that this does not run', () => {
    expect(commands.filter((command) => !done.has(command)).map(({ line }) => line)).toEqual([]);
    expect(commands.length).toBeGreaterThan(30);
  });
});
