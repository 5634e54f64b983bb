import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BackupQueue } from '../../packages/core/src/queue/backup-queue.ts';
import { openQueue } from '../../packages/core/src/queue/open-queue.ts';
import { parseQueueLocation } from '../../packages/core/src/queue/queue-location.ts';
import { QueueServer, queueLogin } from '../support/queue-server.ts';
import { REPOSITORY_ROOT } from '../support/repository.ts';

const program = join(REPOSITORY_ROOT, 'bin/backup-queue');

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Calls the built command on a queue. */
function call(queue: string, args: readonly string[], env: Record<string, string> = {}): Ended {
  const environment = { PATH: process.env['PATH'] ?? '', TZ: 'UTC', ARCHIVE2_QUEUE: queue, ...env };
  const { status, stdout, stderr } = spawnSync(program, args, { env: environment, encoding: 'utf8', timeout: 30_000 });
  return { status, stdout, stderr };
}

/** Its stdout, when it ends with 0. @throws Error with what it said. */
function done(queue: string, ...args: string[]): string {
  const { status, stdout, stderr } = call(queue, args);
  if (status !== 0) throw new Error(`backup-queue ${args.join(' ')} ended with ${status}: ${stderr}`);
  return stdout;
}

/** Calls it on a terminal of 70 columns, types, and returns what was to be seen there. */
function onTerminal(queue: string, args: string, typed: string): { status: number | null; screen: string } {
  const line = `unset NO_COLOR; stty cols 70 -echo; ARCHIVE2_QUEUE='${queue}' TZ=UTC TERM=xterm '${program}' ${args}`;
  const { status, stdout } = spawnSync('script', ['-qec', line, '/dev/null'], {
    input: typed,
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { status, screen: stdout };
}

/** Works as base-backup would: asks for a task of the host, and ends it. */
async function work(queue: string, host: string, error?: string): Promise<void> {
  const store = await openQueue(parseQueueLocation(queue), queueLogin);
  try {
    await workOn(store, host, error);
  } finally {
    await store.close();
  }
}

async function workOn(store: BackupQueue, host: string, error?: string): Promise<void> {
  const claim = await store.claim({ token: randomUUID(), host });
  if (claim === undefined) throw new Error(`nothing to do for ${host}`);
  await store.complete(
    claim,
    error === undefined ? { state: 'succeeded', result: { name: 'data.master.1' } } : { state: 'failed', error },
  );
}

describe('a day in the life of a queue in a file', () => {
  let directory: string;
  let queue: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'archive2-queue-'));
    queue = `sqlite:${directory}/queue.db`;
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test('before init there is none, and the message says what to do', () => {
    const { status, stderr } = call(queue, ['list']);
    expect(status).toBe(51);
    expect(stderr).toContain('HINT: Run "backup-queue init"');
  });

  test('init makes it for its owner alone, prints the cron line, and may be repeated', () => {
    expect(done(queue, 'init', '--dry-run')).toContain('CREATE TABLE schedule');
    expect(() => statSync(`${directory}/queue.db`)).toThrow('ENOENT');
    expect(done(queue, 'init')).toContain(`base-backup --queue ${queue}\n`);
    expect(statSync(`${directory}/queue.db`).mode & 0o777).toBe(0o600);
    expect(call(queue, ['init']).stderr).toContain('nothing was changed');
    expect(done(queue, 'init', '--dry-run')).toBe('');
  });

  test('a cluster is added, listed, planned and asked for', async () => {
    done(queue, 'add', 'main', '--conninfo', 'host=db1 user=backup', '--hosts', 'arch1', '--failure-limit', '1');
    expect(done(queue, 'list')).toContain('main     base  new    arch1');
    expect(done(queue, 'plan', '--days', '9').split('\n')).toHaveLength(5);
    await work(queue, 'arch1');
    await expect(work(queue, 'arch1')).rejects.toThrow('nothing to do');
    done(queue, 'run-now', 'main');
    expect(done(queue, 'show', 'main')).toContain('begins when arch1 asks next');
  });

  test('one that failed needs attention, and is taken up again', async () => {
    await work(queue, 'arch1', 'the disk is full\u001b[2J');
    const list = done(queue, 'list');
    expect(list).toContain('needs attention, 1 failure: the disk is full\\x1b[2J');
    expect(list).toContain('Why: backup-queue show main');
    done(queue, 'retry', 'main');
    done(queue, 'run-now', 'main', '--host', 'arch1');
    done(queue, 'pause', '--host', 'arch1');
    await expect(work(queue, 'arch1')).rejects.toThrow('nothing to do');
    done(queue, 'resume', '--host', 'arch1');
    await work(queue, 'arch1');
  });

  test('a terminal gets colours and its width; a pipe gets neither', () => {
    const { screen } = onTerminal(queue, 'list', '');
    expect(screen).toContain('\u001b[32mok\u001b[0m');
    for (const line of screen.replaceAll(/\p{Cc}\[\d*m/gu, '').split(/\r?\n/))
      expect(line.length).toBeLessThanOrEqual(70);
    expect(done(queue, 'list')).not.toContain('\u001b');
  });

  test('remove wants the name on a terminal, and --yes elsewhere; the history stays', () => {
    expect(call(queue, ['remove', 'main']).status).toBe(2);
    const refused = onTerminal(queue, 'remove main', 'yes\n');
    expect(refused.screen).toContain('not confirmed: main is not removed');
    expect(refused.status).toBe(2);
    expect(onTerminal(queue, 'remove main', 'main\n')).toMatchObject({ status: 0 });
    expect(call(queue, ['show', 'main']).status).toBe(53);
    const { tasks } = JSON.parse(done(queue, 'history', 'main', '--json')) as { tasks: Array<{ state: string }> };
    expect(tasks.map(({ state }) => state)).toEqual(['succeeded', 'failed', 'succeeded']);
  });
});

describe('the command line', () => {
  test('each form has help with its options and the exit statuses', () => {
    const { stdout } = call('', ['--help']);
    const forms = [...new Set([...stdout.matchAll(/^backup-queue ([a-z-]+)/gm)].map(([, form]) => form ?? ''))];
    expect(forms).toEqual('list show history plan run-now retry pause resume add set remove init import'.split(' '));
    for (const form of forms) {
      const help = call('', [form, '--help']);
      expect(help.status, form).toBe(0);
      expect(help.stdout).toContain(`backup-queue ${form}`);
      expect(help.stdout).toContain('EXIT STATUS');
    }
  });

  test.each([[[]], [['lst']], [['list', '--bogus']], [['list']], [['list', '--queue', 'sqlite:relative']]])(
    '%j is wrong usage',
    (args) => {
      expect(call('', args)).toMatchObject({ status: 2, stdout: '' });
    },
  );

  test('a password in --queue is refused, with a hint, and is not repeated', () => {
    const { status, stderr } = call('', ['list', '--queue', 'postgresql://backup:hunter2@db9/backup']);
    expect(status).toBe(2);
    expect(stderr).toContain('.pgpass');
    expect(stderr).not.toContain('hunter2');
  });
});

describe('a queue in PostgreSQL', () => {
  let server: QueueServer;
  let queueOf: (role: string, database?: string) => string;
  beforeAll(() => {
    server = QueueServer.start();
    server.createDatabase('queue');
    queueOf = (role, database = 'queue') => `host=${server.directory} dbname=${database} user=${role}`;
  });
  afterAll(() => server?.remove());

  test('init makes the schema and prints the roles, which are all that anybody needs', async () => {
    const { status, stderr } = call(queueOf('postgres'), ['list']);
    expect([status, stderr.includes('backup-queue init')]).toEqual([51, true]);
    const left = done(queueOf('postgres'), 'init');
    const roles = left.split('\n').filter((line) => line.startsWith('CREATE ROLE'));
    expect(roles).toHaveLength(3);
    for (const role of roles) server.sql(role);
    expect(left).toContain(`base-backup --queue 'host=${server.directory} dbname=queue user=archive'`);

    const operator = queueOf('operator');
    done(operator, 'add', 'main', '--conninfo', 'host=db1', '--hosts', 'arch1,arch2');
    done(operator, 'set', 'main', '--keep', '5', '--window', '00:00-23:59');
    done(operator, 'set', '--host', 'arch1', '--max-running', '2');
    done(operator, 'set', '--server', 'main', '--max-running', '2');
    done(operator, 'run-now', 'main', '--host', 'arch2');
    await work(queueOf('archive'), 'arch2');
    done(operator, 'pause', 'main');
    done(operator, 'resume', 'main');
    done(operator, 'retry', 'main');
    expect(done(operator, 'show', 'main')).toContain('keeps 5, starts 00:00-23:59');
    expect(done(operator, 'history')).toContain('data.master.1');
    expect(done(operator, 'plan')).toContain('arch1');
    done(operator, 'remove', 'main', '--yes');
  });

  test('a worker can’t look at it, a monitor can’t change it, and both are told which role they lack', () => {
    expect(call(queueOf('archive'), ['list'])).toMatchObject({ status: 52, stdout: '' });
    const refused = call(queueOf('archive'), ['add', 'x', '--conninfo', 'host=x', '--hosts', 'arch1']);
    expect(refused.status).toBe(52);
    expect(refused.stderr).toContain('backup_queue_operator');
    done(queueOf('monitor'), 'list', '--json');
    expect(call(queueOf('monitor'), ['add', 'x', '--conninfo', 'host=x', '--hosts', 'arch1']).status).toBe(52);
    expect(done(queueOf('operator'), 'list', '--json')).toContain('"clusters": []');
  });

  test('init --dry-run prints a script that does the same', () => {
    server.createDatabase('byhand');
    const script = `${server.directory}/init.sql`;
    writeFileSync(script, done(queueOf('postgres', 'byhand'), 'init', '--dry-run'), { mode: 0o644 });
    expect(call(queueOf('postgres', 'byhand'), ['list']).status).toBe(51);
    server.sql(readFileSync(script, 'utf8'), { database: 'byhand' });
    expect(call(queueOf('postgres', 'byhand'), ['init']).stderr).toContain('nothing was changed');
    done(queueOf('operator', 'byhand'), 'list');
  });

  test('logs in by a service, and with a password from .pgpass only', () => {
    server.sql("CREATE ROLE guarded LOGIN PASSWORD 'hunter2'; GRANT backup_queue_operator TO guarded");
    const hba = `${server.directory}/data/pg_hba.conf`;
    writeFileSync(hba, `local all guarded scram-sha-256\n${readFileSync(hba, 'utf8')}`);
    server.sql('SELECT pg_reload_conf()');
    const services = `${server.directory}/services`;
    writeFileSync(services, `[backup]\nhost=${server.directory}\ndbname=queue\nuser=guarded\n`);
    const passwords = `${server.directory}/pgpass`;
    writeFileSync(passwords, `${server.directory}:*:queue:guarded:hunter2\n`, { mode: 0o600 });
    const env = { PGSERVICEFILE: services, PGPASSFILE: passwords };
    expect(call('service=backup', ['list'], env)).toMatchObject({ status: 0 });
    const without = call('service=backup', ['list'], { ...env, PGPASSFILE: '/nowhere' });
    expect(without.status).toBe(52);
    expect(without.stderr).toContain('wants a password of guarded, and /nowhere has none');
    expect(call('service=other', ['list'], env).stderr).toContain(`[other] in ${services}`);
    writeFileSync(passwords, `*:*:*:*:wrong\n`);
    expect(call('service=backup', ['list'], env).status).toBe(52);
  });

  test('import takes over clusters and turns of the old queue, and the old scripts work on the new one', () => {
    server.createDatabase('old');
    const sql = (text: string) => server.sql(text, { database: 'old' });
    const owner = queueOf('postgres', 'old');
    done(owner, 'init');
    expect(call(owner, ['import']).stderr).toContain('no table backups.hosts');
    sql(`CREATE SCHEMA backups;
      CREATE TABLE backups.hosts (id serial, host text, port int, cluster_name text, archiver_name text[], bareos_on text,
        keep_backups_cnt text, periodicity_days int, directory text);
      CREATE TABLE backups.tasks (backup_id serial, host text, archiver_name text, start_txtime timestamptz,
        end_txtime timestamptz, is_failed boolean DEFAULT false);
      INSERT INTO backups.hosts (host, port, cluster_name, archiver_name, bareos_on, keep_backups_cnt, periodicity_days, directory)
        VALUES ('db1', 5432, 'main', '{arch1,arch2}', 'arch1', '2', 4, '/storage/main/'),
          ('db2', 5433, 'shop', '{arch1,arch2}', NULL, 'two', 4, 'relative');
      INSERT INTO backups.tasks (host, archiver_name, start_txtime, end_txtime, is_failed)
        VALUES ('db1', 'arch1', now() - interval '5 days', now() - interval '4 days 20 hours', false),
          ('db1', 'arch2', now() - interval '3 days', now() - interval '2 days 20 hours', false),
          ('db1', 'arch1', now() - interval '1 day', NULL, true)`);
    const refused = call(owner, ['import']);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain('"shop"');
    sql(`UPDATE backups.hosts SET keep_backups_cnt = '7', directory = '/storage/shop' WHERE cluster_name = 'shop'`);
    expect(done(owner, 'import', '--dry-run')).toContain('to be added');
    expect(done(owner, 'list', '--json')).toContain('"clusters": []');

    const printed = done(owner, 'import', '--user', 'backup');
    const [main, shop] = (JSON.parse(done(owner, 'list', '--json')) as { clusters: unknown[] }).clusters;
    expect(main).toMatchObject({
      name: 'main',
      conninfo: 'host=db1 user=backup',
      directory: '/storage/main',
      sourceServer: 'db1',
      schedules: [
        {
          keep: 2,
          periodicityDays: 4,
          options: { 'bareos-on': 'arch1' },
          hosts: [
            { name: 'arch1', failures: 1, lastError: 'failed in the old queue', needsAttention: false },
            { name: 'arch2', failures: 0, lastGoodAt: expect.any(String) },
          ],
        },
      ],
    });
    expect(shop).toMatchObject({
      conninfo: 'host=db2 port=5433 user=backup',
      schedules: [{ keep: 7, lastGoodAt: null }],
    });
    expect(done(owner, 'history', '--json').match(/"state": "\w+"/g)).toEqual([
      '"state": "failed"',
      '"state": "succeeded"',
      '"state": "succeeded"',
    ]);
    expect(call(owner, ['import']).stderr).toContain('imported clusters=0');

    sql(printed.slice(printed.indexOf('CREATE OR REPLACE')));
    const next =
      sql(`SELECT o_backip_id > 0, o_pghost, o_pgport, o_remote_archiver, o_keep_backups_cnt, o_backups_dir, o_bareos_on
      FROM backups.get_next('arch1')`);
    expect(next).toEqual(['t|db1|5432|arch2|2|/storage/main|arch1']);
    expect(sql('SELECT * FROM backups.stop((SELECT max(task_id)::int FROM backup_queue.task))')).toEqual(['t']);
    expect(done(owner, 'show', 'main')).toContain('arch1: 20');
    // A backup that was not stopped has failed when its host asks again.
    expect(sql("SELECT o_pghost FROM backups.get_next('arch2')")).toEqual(['db2']);
    expect(sql("SELECT o_pghost FROM backups.get_next('arch2')")).toEqual([]);
    expect(done(owner, 'show', 'shop')).toContain('before it had stopped this one');
  });

  test('a server that is away is status 50, and it works again when it is back', () => {
    server.stop();
    const { status, stderr } = call(queueOf('operator'), ['list']);
    server.startAgain();
    expect(status).toBe(50);
    expect(stderr).toContain('could not be asked');
    done(queueOf('operator'), 'list');
  });
});
