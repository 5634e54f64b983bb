import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BackupStand } from '../support/backup-stand.ts';
import { GuidedRestore } from '../support/guided-restore.ts';
import type { LedgerEntry } from '../support/ledger.ts';
import type { PostgresCluster } from '../support/postgres-cluster.ts';
import { BIN_DIRECTORY } from '../support/repository.ts';
import { waitFor } from '../support/wait-for.ts';

describe('backup-restore', () => {
  let stand: BackupStand;
  let guide: GuidedRestore;
  /** Confirmed between the two backups. */
  let middle: LedgerEntry;

  beforeAll(async () => {
    stand = await BackupStand.create();
    guide = new GuidedRestore(stand);
    const [arch1, arch2] = stand.hosts;
    expect(await stand.backUp(arch1)).toMatchObject({ status: 0 });
    await stand.write(2);
    middle = stand.ledger.confirmed.at(-1) as LedgerEntry;
    await stand.write(2);
    expect(await stand.backUp(arch2)).toMatchObject({ status: 0 });
    await stand.write(2);
    await stand.archive.waitForNoDebts();
  });

  afterAll(async () => await stand?.close());

  const isThere = (path: string) => existsSync(guide.machine.path(path));
  const expectRows = async (copy: PostgresCluster, upTo?: number) =>
    expect(await stand.ledger.difference(copy, upTo === undefined ? {} : { upTo })).toEqual({
      missing: [],
      unexpected: [],
    });

  test('lists the backups of both hosts, and what can be restored', async () => {
    const { status, stdout } = await guide.run(['--list']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/data\.master\.1 +arch1 .*\n(.*\n)?data\.master\.1 +arch2/);
    expect(stdout).toMatch(/ {2}together {2}from 20\d\d-.*\+00 to 20\d\d-.* ago\)\n/);
    const { stdout: json } = await guide.run(['--list', '--json']);
    const listed = JSON.parse(json) as { backups: { host: string; hole: unknown }[]; restorable: unknown[] };
    expect(listed.backups.map(({ host, hole }) => [host, hole])).toEqual([
      ['arch1', null],
      ['arch2', null],
    ]);
    expect(listed.restorable).toHaveLength(1);
  });

  test('shows its plan, and without a yes touches nothing', async () => {
    const { copy, flags } = guide.newCopy('untouched');
    const dry = await guide.run([...flags, '--dry-run']);
    expect(dry).toMatchObject({ status: 0, stderr: '' });
    expect(dry.stdout).toContain(`cluster main to ${copy.dataDirectory}, as postgres`);
    expect(dry.stdout).toContain('data.master.1 of arch2');
    const { stdout } = await guide.run([...flags, '--dry-run', '--json', '--backup', 'arch1:1']);
    expect(JSON.parse(stdout)).toMatchObject({ plan: { backup: { host: 'arch1' }, directory: 'make', losses: [] } });
    const asked = await guide.run(flags);
    expect(asked.status).toBe(68);
    expect(asked.stderr).toContain('HINT: There is no terminal to ask at: say --yes');
    expect(isThere(copy.dataDirectory)).toBe(false);
  });

  test('asks on a terminal, and takes the whole answer only', async () => {
    const { copy, flags } = guide.newCopy('asked');
    const words = [`${BIN_DIRECTORY}/backup-restore`, ...guide.archiveFlags, ...flags, '--take-over'];
    const line = words.map((word) => `'${word}'`).join(' ');
    for (const answer of ['y', 'n', '']) {
      const program = guide.machine.spawn(['script', '-qefc', line, '/dev/null']);
      await waitFor(() => program.stdout.includes('type the name of the cluster'), {
        what: 'the question',
        timeoutMs: 60_000,
      });
      program.input.write(`${answer}\n`);
      expect((await program.endWithin(30_000)).status).toBe(68);
      expect(program.stdout).toContain('nothing was touched');
      expect(isThere(copy.dataDirectory)).toBe(false);
    }
  });

  test('as root becomes the owner first, and does not guess who that is', async () => {
    const { copy, flags } = guide.newCopy('of-root');
    const { status, stderr } = await guide.run([...flags, '--dry-run'], { user: 'root' });
    expect([status, stderr]).toEqual([65, expect.stringContaining('say --owner postgres')]);
    const named = await guide.run([...flags, '--yes', '--owner', 'postgres'], { user: 'root' });
    expect(named).toMatchObject({ status: 0 });
    const data = guide.machine.path(copy.dataDirectory);
    const owners = new Set(readdirSync(data).map((name) => statSync(join(data, name)).uid));
    expect([...owners]).toEqual([statSync(guide.machine.path('/var/lib/postgresql')).uid]);
    expect(named.stdout).toContain('Start the server: ');
    await copy.start();
    await copy.pollUntil('SELECT pg_is_in_recovery()', 'f');
    await expectRows(copy);
    await guide.discard(copy);
  });

  describe('to the latest point', () => {
    let copy: PostgresCluster;
    let stdout: string;

    beforeAll(async () => {
      ({
        copy,
        result: { stdout },
      } = await guide.restore('latest'));
    });

    test('has every row, and says where it is and how long it took', async () => {
      await expectRows(copy);
      expect(stdout).toMatch(/reached +0\/\w+, the last commit at 20/);
      expect(stdout).toMatch(/took +plan [\d.]+ s, files [\d.]+ s, recovery [\d.]+ s; [\d.]+ s in all/);
      expect(stdout).toMatch(/databases +3, .*; all can be read/);
      expect(stdout).toContain('It does not archive.');
    });

    test('archives nothing, and streams from nobody', async () => {
      expect(await copy.value("SELECT current_setting('archive_mode') || current_setting('primary_conninfo')")).toBe(
        'off',
      );
      const names = stand.hosts.map((host) =>
        host.files(stand.archive.walDirectory).filter((name) => name.startsWith('00000002')),
      );
      await copy.sql('SELECT pg_switch_wal()');
      expect(names).toEqual([[], []]);
    });

    test('is ours alone, and has no marker of a restore', () => {
      const data = guide.machine.path(copy.dataDirectory);
      const open = readdirSync(data, { recursive: true, encoding: 'utf8' })
        .map((name) => [name, statSync(join(data, name)).mode & 0o077] as const)
        .filter(([, others]) => others !== 0);
      expect(open).toEqual([]);
      expect(statSync(data).mode & 0o777).toBe(0o700);
      expect(isThere(`${copy.dataDirectory}/.archive2-restore.json`)).toBe(false);
    });

    test('is no place for another restore while its server runs, whatever is said', async () => {
      const again = ['--to', copy.dataDirectory, '--yes', '--keep-old'];
      const { status, stderr } = await guide.run(again);
      expect(status).toBe(65);
      expect(stderr).toContain('a server runs there');
      // A postmaster.pid alone proves nothing, nor does its absence.
      await guide.machine.check(['mv', `${copy.dataDirectory}/postmaster.pid`, '/tmp/pid']);
      const hidden = await guide.run(again);
      expect(hidden.status).toBe(65);
      expect(hidden.stderr).toContain('processes work there');
      await guide.machine.check(['mv', '/tmp/pid', `${copy.dataDirectory}/postmaster.pid`]);
    });

    test('is replaced only after it was moved aside, under a name that is told', async () => {
      await copy.stop();
      const refused = await guide.run(['--to', copy.dataDirectory, '--yes']);
      expect([refused.status, refused.stderr]).toEqual([65, expect.stringContaining('is not empty')]);
      const { copy: next, result } = await guide.restore('latest', ['--keep-old', '--target-time', middle.confirmedAt]);
      const [, aside = ''] = /old data +(\S+):/.exec(result.stdout) ?? [];
      expect(aside).toMatch(/\/latest\.before-\d{8}T\d{6}Z$/);
      expect(result.stdout).toContain(`is moved to ${aside}`);
      expect(isThere(`${aside}/PG_VERSION`)).toBe(true);
      await expectRows(next, middle.number);
      expect(result.stdout).toContain('SELECT pg_wal_replay_resume();');
      expect(await next.value('SELECT pg_is_in_recovery()')).toBe('t');
      await next.sql('SELECT pg_wal_replay_resume()');
      await next.pollUntil('SELECT pg_is_in_recovery()', 'f');
      await expectRows(next, middle.number);
      await guide.discard(next);
    });
  });

  test('makes a standby that follows the archive', async () => {
    const { copy, result } = await guide.restore('standby', [
      '--standby',
      '--set',
      'wal_retrieve_retry_interval=200ms',
    ]);
    expect(result.stdout).toContain('It follows the archive.');
    await stand.write(2);
    const last = stand.ledger.confirmed.at(-1)?.number ?? 0;
    await copy.pollUntil(`SELECT max(number) >= ${last} FROM ledger`, 't', 20_000);
    expect(await copy.value('SELECT pg_is_in_recovery()')).toBe('t');
    await guide.discard(copy);
  });

  test('to a transaction, a restore point and the end of the backup', async () => {
    await stand.primary.sql("SELECT pg_create_restore_point('here')");
    const upTo = stand.ledger.confirmed.at(-1)?.number ?? 0;
    await stand.write(2);
    const named = await guide.restore('named', ['--target-name', 'here', '--action', 'promote']);
    expect(named.result.stdout).toContain('WARNING');
    await expectRows(named.copy, upTo);
    await guide.discard(named.copy);
    const { copy } = await guide.restore('immediate', ['--immediate', '--backup', 'arch1:1']);
    await expectRows(copy, 3);
    await guide.discard(copy);
  });

  test('says which tables cannot be read while it waits, as one that was being dropped', async () => {
    await stand.primary.sql('CREATE TABLE orders AS SELECT 7 AS number');
    const before = await stand.primary.value(
      "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00')",
    );
    await stand.primary.sql('DROP TABLE orders');
    await stand.write(1);
    const { copy, result } = await guide.restore('dropped', ['--target-time', before]);
    expect(result.stdout).toContain('Until it is open nobody can read postgres: orders');
    await copy.sql('SELECT pg_wal_replay_resume()');
    await copy.pollUntil('SELECT pg_is_in_recovery()', 'f');
    expect(await copy.value('SELECT number FROM orders')).toBe('7');
    await guide.discard(copy);
  });

  test('a target that was not reached is told with the reason, and the server does not open', async () => {
    const { copy, flags } = guide.newCopy('missed');
    const { status, stderr } = await guide.run([...flags, '--yes', '--start', '--target-name', 'never made']);
    expect(status).toBe(66);
    expect(stderr).toContain('the WAL ended before the target was reached');
    const log = readFileSync(guide.machine.path(`${copy.dataDirectory}/archive2-restore.log`), 'utf8');
    expect(log).not.toContain('selected new timeline');
    expect(copy.isRunning).toBe(false);
    await guide.discard(copy);
  });

  test('a disk that is too small is told before anything is written', async () => {
    await guide.machine.mountTmpfs('/small', 16 * 2 ** 20);
    const { status, stderr } = await guide.run(['--to', '/small/data', '--yes']);
    expect(status).toBe(65);
    expect(stderr).toMatch(/needs about .* at \/small\/data, and .* are free/);
    expect(readdirSync(guide.machine.path('/small'))).toEqual([]);
    mkdirSync(join(guide.machine.path('/small'), 'lost+found'));
    const top = await guide.run(['--to', '/small', '--yes', '--keep-old']);
    expect(top.stderr).toContain('the top of a file system');
  });

  test('tablespaces go where they are sent, and not where something is', async () => {
    const place = '/var/lib/postgresql/fast';
    stand.archive.primary.makeDirectory(place, 0o700);
    await stand.primary.sql(
      `CREATE TABLESPACE fast LOCATION '${place}'; CREATE TABLE quick (n int) TABLESPACE fast; INSERT INTO quick VALUES (7)`,
    );
    const [arch1] = stand.hosts;
    expect(await stand.backUp(arch1)).toMatchObject({ status: 0 });
    guide.machine.makeDirectory(place, 0o700);
    guide.machine.writeFile(`${place}/somebodys`, 'data');
    const { flags } = guide.newCopy('spaces');
    const refused = await guide.run([...flags, '--yes']);
    expect([refused.status, refused.stderr]).toEqual([65, expect.stringContaining('--tablespace-map')]);
    const { copy } = await guide.restore('spaces', ['--tablespace-map', `${place}=/var/lib/postgresql/faster`]);
    expect(await copy.value('SELECT n FROM quick')).toBe('7');
    expect(readdirSync(guide.machine.path(place))).toEqual(['somebodys']);
    await guide.discard(copy);
  });

  test('--take-over archives as the primary did', async () => {
    await stand.archive.admit(guide.machine, 'put,get');
    const { copy, result } = await guide.restore('successor', ['--take-over', '--backup', 'arch2:1']);
    expect(result.stdout).toContain('STAYS ON');
    const segment = await copy.switchWal();
    expect(segment.slice(0, 8)).toBe('00000002');
    await copy.waitForArchived(segment);
    await stand.archive.waitForNoDebts();
    expect(stand.hosts.map((host) => host.files(stand.archive.walDirectory).includes(segment))).toEqual([true, true]);
    await guide.discard(copy);
  });

  describe('with a host that is gone', () => {
    beforeAll(async () => {
      guide.connectTimeoutSeconds = 4;
      await stand.archive.arch1.machine.kill9();
    });

    test('asks whether what it may have had is lost; --yes does not say so', async () => {
      const { copy, flags } = guide.newCopy('accepted');
      const refused = await guide.run([...flags, '--yes']);
      expect(refused.status).toBe(68);
      expect(refused.stderr).toMatch(/arch1 does not answer\. What arch2 has ends at .*what only arch1 has is lost/);
      expect(refused.stderr).toContain('say --accept-loss');
      expect(isThere(copy.dataDirectory)).toBe(false);
      const { copy: restored } = await guide.restore('survivor', ['--accept-loss']);
      const auto = readFileSync(guide.machine.path(`${restored.dataDirectory}/postgresql.auto.conf`), 'utf8');
      expect(auto).toMatch(/restore_command = '.* arch2 \/archive/);
      expect(await restored.value('SELECT pg_is_in_recovery()')).toBe('f');
      await guide.discard(restored);
    });

    test('and the other one too, nothing can be done', async () => {
      await stand.archive.arch2.machine.kill9();
      const { status, stdout } = await guide.run(['--list']);
      expect(status).toBe(20);
      expect(stdout).toContain('arch2     does not answer: ');
      const { flags } = guide.newCopy('hopeless');
      const result = await guide.run([...flags, '--yes', '--accept-loss']);
      expect([result.status, result.stderr]).toEqual([20, expect.stringContaining('no archive host answers')]);
    });
  });
});
