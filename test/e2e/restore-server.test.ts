import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../packages/core/src/base/clock.ts';
import { foreignCollations } from '../../packages/core/src/restore/server/checks/foreign-collations.ts';
import { checkDatabase, inspectDatabases } from '../../packages/core/src/restore/server/checks/inspect-databases.ts';
import { checkOfOption, parseChecks } from '../../packages/core/src/restore/server/checks/parse-checks.ts';
import { runChecks } from '../../packages/core/src/restore/server/checks/run-checks.ts';
import { runAmcheck, runDumps } from '../../packages/core/src/restore/server/checks/run-tool.ts';
import { readControlData } from '../../packages/core/src/restore/server/control-data.ts';
import { type DrillServer, drillConfig } from '../../packages/core/src/restore/server/drill-config.ts';
import { recoverySettings, signalFile } from '../../packages/core/src/restore/server/recovery-settings.ts';
import type { RecoveryTarget } from '../../packages/core/src/restore/server/recovery-target.ts';
import type { WalSource } from '../../packages/core/src/restore/server/restore-command.ts';
import { type StartedServer, startServer } from '../../packages/core/src/restore/server/start-server.ts';
import { type ReplayWatch, watchReplay } from '../../packages/core/src/restore/server/watch-replay.ts';
import { writeDrillConfig, writeRecovery } from '../../packages/core/src/restore/server/write-recovery.ts';
import { parseLsn } from '../../packages/core/src/wal/lsn.ts';
import { parseSegmentSize } from '../../packages/core/src/wal/segment-size.ts';
import type { TimelineId } from '../../packages/core/src/wal/timeline-id.ts';
import { LocalCluster } from '../support/local-cluster.ts';
import { unpackedPostgresPrograms } from '../support/postgres-programs.ts';
import { REPOSITORY_ROOT } from '../support/repository.ts';
import { waitFor } from '../support/wait-for.ts';

const segmentSize = parseSegmentSize(2 ** 20);
const port = 5432;

/** Versions that this computer's packages may not have; scripts/postgres-versions.sh unpacks them. */
const majors = [17, 18];

describe.each(majors)('a server of PostgreSQL %d', (major) => {
  const isThere = unpackedPostgresPrograms(major) !== undefined;
  let cluster: LocalCluster | undefined;
  let server: StartedServer | undefined;

  afterAll(async () => {
    await server?.stop(0);
    cluster?.remove();
  });

  test.skipIf(!isThere)(
    '(else run scripts/postgres-versions.sh) recovers as a drill, and its log is understood',
    async () => {
      cluster = LocalCluster.start(major);
      const { programs, walDirectory } = cluster;
      const dataDirectory = cluster.backUp('backup');
      cluster.sql('CREATE TABLE rows AS SELECT generate_series(1, 1000) AS n');
      const last = cluster.switchWal();
      const socketDirectory = cluster.makeDirectory('s');
      const directory = join(cluster.directory, 'conf');
      const program = [cluster.restoreProgram];
      const source = {
        program,
        hosts: [],
        walDirectory,
        cluster: 'main',
        localDirectory: walDirectory,
        agent: 'none',
      } as const;
      const control = await readControlData(programs, dataDirectory);
      const drill = {
        source,
        target: { kind: 'latest' },
        timeline: 'latest',
        control,
        major,
        socketDirectory,
        directory,
      } as const;
      const config = drillConfig({ ...drill, sharedBuffersBytes: 2 ** 24, segmentSize, more: {} });
      await writeDrillConfig(dataDirectory, directory, config, systemClock.nowMs());
      execFileSync('chown', ['-R', 'postgres', directory, dataDirectory]);
      const settings = { config_file: join(directory, 'postgresql.conf') };
      const logFile = join(cluster.directory, 'drill.log');
      server = await startServer({
        programs,
        dataDirectory,
        logFile,
        settings,
        environment: process.env,
        endsWithUs: true,
      });
      const watched = {
        server,
        segmentSize,
        door: undefined,
        mode: 'recovery',
        towards: undefined,
        stallLimitMs: undefined,
      } as const;
      const end = await watchReplay({
        ...watched,
        onProgress: () => undefined,
        signal: AbortSignal.timeout(60_000),
        clock: systemClock,
      });
      expect(end).toMatchObject({
        how: 'open',
        story: { lastRestored: last, newTimeline: 2, fatal: [], configuration: [] },
      });
      expect(end.story.redoDoneLsn).toBeDefined();
      expect(end.replayedMs).toBeGreaterThan(Date.now() - 120_000);
      const door = { socketDirectory, port, user: 'postgres' };
      expect((await inspectDatabases(door)).databases.map(({ tables }) => tables)).toEqual([1, 0, 0]);
      const run = { programs, door, environment: process.env, clock: systemClock, signal: AbortSignal.timeout(60_000) };
      expect(
        [await runAmcheck(true, run), ...(await runDumps(['postgres'], run))].map(({ problem }) => problem),
      ).toEqual([undefined, undefined, undefined]);
    },
  );
});

describe('a server that we start', () => {
  let cluster: LocalCluster;
  let source: WalSource;
  let half: { lsn: string; name: string };
  let server: StartedServer | undefined;
  let copies = 0;

  beforeAll(() => {
    cluster = LocalCluster.start();
    source = {
      program: [cluster.restoreProgram],
      hosts: [],
      walDirectory: cluster.walDirectory,
      cluster: 'main',
      localDirectory: cluster.walDirectory,
      agent: 'none',
      unavailableTimeoutSeconds: 0,
    };
    cluster.backUp('backup');
    cluster.sql('CREATE TABLE rows (n int PRIMARY KEY)');
    cluster.sql('INSERT INTO rows SELECT generate_series(1, 1000)');
    half = { lsn: cluster.sql('SELECT pg_current_wal_insert_lsn()')[0] ?? '', name: cluster.switchWal() };
    cluster.sql('INSERT INTO rows SELECT generate_series(1001, 2000)');
    cluster.switchWal();
  });

  afterEach(async () => {
    await server?.stop(0);
    server = undefined;
  });

  afterAll(() => cluster?.remove());

  /** A copy of the backup, and where its server would be reached. */
  function copy(): { dataDirectory: string; socketDirectory: string; logFile: string; name: string } {
    copies += 1;
    const name = `copy${copies}`;
    const dataDirectory = join(cluster.directory, name);
    execFileSync('cp', ['-a', join(cluster.directory, 'backup'), dataDirectory]);
    return {
      name,
      dataDirectory,
      socketDirectory: cluster.makeDirectory(`s${copies}`),
      logFile: join(cluster.directory, `${name}.log`),
    };
  }

  type Copy = ReturnType<typeof copy>;

  async function startDrill(it: Copy, target: RecoveryTarget, change: Partial<DrillServer> = {}): Promise<void> {
    const directory = join(cluster.directory, `${it.name}-configuration`);
    const control = await readControlData(cluster.programs, it.dataDirectory);
    const config = drillConfig({
      source,
      target,
      timeline: 'latest',
      control,
      major: 15,
      socketDirectory: it.socketDirectory,
      directory,
      sharedBuffersBytes: 16 * 2 ** 20,
      segmentSize,
      more: {},
      ...change,
    });
    await writeDrillConfig(it.dataDirectory, directory, config, systemClock.nowMs());
    execFileSync('chown', ['-R', 'postgres', directory, it.dataDirectory]);
    server = await start(it, { config_file: join(directory, 'postgresql.conf') });
  }

  async function start(it: Copy, settings: Record<string, string>, endsWithUs = true): Promise<StartedServer> {
    const { dataDirectory, logFile } = it;
    return await startServer({
      programs: cluster.programs,
      dataDirectory,
      logFile,
      settings,
      environment: process.env,
      endsWithUs,
    });
  }

  function watch(change: Partial<ReplayWatch> = {}): ReturnType<typeof watchReplay> {
    if (server === undefined) throw new Error('no server');
    return watchReplay({
      server,
      segmentSize,
      door: undefined,
      mode: 'recovery',
      towards: undefined,
      stallLimitMs: undefined,
      onProgress: () => undefined,
      signal: AbortSignal.timeout(60_000),
      clock: systemClock,
      ...change,
    });
  }

  const doorOf = ({ socketDirectory }: Copy) => ({ socketDirectory, port, user: 'postgres' });
  const ask = (it: Copy, text: string) =>
    cluster.run('psql', '-XAtq', '-h', it.socketDirectory, '-p', String(port), '-d', 'postgres', '-c', text).trim();

  test('a drill recovers to the latest, whatever the backup’s own files say, and tells where it ended', async () => {
    const it = copy();
    const poison =
      "archive_mode = 'on'\narchive_command = 'touch /tmp/never'\nrecovery_target_name = 'nowhere'\nssl = on\n";
    for (const file of ['postgresql.conf', 'postgresql.auto.conf'])
      appendFileSync(join(it.dataDirectory, file), poison);
    const phases = new Set<string>();
    await startDrill(it, { kind: 'latest' });
    const end = await watch({ onProgress: ({ phase }) => phases.add(phase) });
    expect(end.how).toBe('open');
    expect(end.story).toMatchObject({ newTimeline: 2, fatal: [] });
    expect(end.story.lastRestored).toMatch(/^0{7}1/);
    expect(end.replayedMs).toBeGreaterThan(Date.now() - 120_000);
    expect(ask(it, 'SELECT count(*) FROM rows')).toBe('2000');
    expect(ask(it, 'SHOW archive_mode')).toBe('off');
    expect(ask(it, 'SHOW listen_addresses')).toBe('');
    const found = await inspectDatabases(doorOf(it));
    expect(found.databases.map(({ name, tables, problem }) => [name, tables, problem])).toEqual([
      ['postgres', 1, undefined],
      ['template0', 0, undefined],
      ['template1', 0, undefined],
    ]);
    expect(checkDatabase(found.databases)).toBe('postgres');
    expect(await foreignCollations(doorOf(it))).toEqual([]);
    ask(it, "UPDATE pg_database SET datcollversion = '2.0' WHERE datname = 'template1'");
    expect(await foreignCollations(doorOf(it))).toEqual(['template1 (2.0, here unknown)']);
    await expectChecks(it);
    await server?.stop();
    expect(server?.hasEnded).toMatchObject({ status: 0 });
  });

  /** All ways in which a check may pass or fail, on a server that has the 2,000 rows. */
  async function expectChecks(it: Copy): Promise<void> {
    const file = parseChecks(
      `-- check: enough\n-- min: 2000\n-- max: 2000\nselect count(*) from rows;\n` +
        `-- check: too many\n-- max: 1999\nselect count(*) from rows\n` +
        `-- check: rows\nselect n from rows\n-- check: none\nselect true where false\n-- check: null\nselect null::boolean\n` +
        `-- check: slow\n-- timeout: 0.2\nselect pg_sleep(60) is not null\n-- check: writes\n-- min: 0\ninsert into rows values (0) returning 1\n` +
        `-- check: two\nselect true; drop table rows\n-- check: fact\nselect current_setting('archive2.drill') = 'it is one'`,
      'checks.sql',
    );
    const checks = [checkOfOption('select max(n) = 2000 from rows;'), ...file];
    const run = {
      door: doorOf(it),
      database: 'postgres',
      facts: { drill: 'it is one' },
      clock: systemClock,
      signal: AbortSignal.timeout(60_000),
    };
    const results = await runChecks(checks, run);
    expect(results.map(({ name, ok, problem }) => [name, ok, problem])).toEqual([
      ['select max(n) = 2000 from rows', true, undefined],
      ['enough', true, undefined],
      ['too many', false, '2000 is more than 1999'],
      ['rows', false, 'it gave several rows'],
      ['none', false, 'it gave no row'],
      ['null', false, 'it gave null'],
      ['slow', false, expect.stringContaining('statement timeout')],
      ['writes', false, expect.stringContaining('syntax error')],
      ['two', false, expect.stringContaining('multiple commands')],
      ['fact', true, undefined],
    ]);
    expect(results[3]?.evidence).toHaveLength(20);
    expect(ask(it, 'SELECT count(*) FROM rows')).toBe('2000');
  }

  test('pg_amcheck and pg_dump pass on a whole server, and find a damaged page', async () => {
    const it = copy();
    await startDrill(it, { kind: 'latest' });
    await watch();
    const run = {
      programs: cluster.programs,
      door: doorOf(it),
      environment: process.env,
      clock: systemClock,
      signal: AbortSignal.timeout(60_000),
    };
    expect(await runAmcheck(true, run)).toMatchObject({ ok: true });
    expect((await runDumps(['postgres', 'template1'], run)).map(({ problem }) => problem)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    const path = join(it.dataDirectory, ask(it, "SELECT pg_relation_filepath('rows')"));
    ask(it, 'CHECKPOINT');
    await server?.stop();
    const bytes = readFileSync(path);
    bytes.fill(0x55, 4096, 4200);
    writeFileSync(path, bytes);
    server = await start(it, { config_file: join(cluster.directory, `${it.name}-configuration`, 'postgresql.conf') });
    const status = () => server?.status();
    await waitFor(async () => (await status()) === 'ready', { what: 'the server to be ready' });
    const found = await runAmcheck(false, run);
    expect(found).toMatchObject({ ok: false });
    expect(found.evidence.join('\n')).toContain('rows');
    expect((await runDumps(['postgres'], run)).map(({ ok }) => ok)).toEqual([true, false]);
  });

  test('a server that is to live pauses at a position that is asked for over SQL, and goes on where ALTER SYSTEM has other ideas', async () => {
    const it = copy();
    const foreign =
      "recovery_target_time = '2001-01-01'\nrestore_command = 'false'\narchive_mode = 'on'\nwork_mem = '5MB'\n";
    appendFileSync(join(it.dataDirectory, 'postgresql.auto.conf'), foreign);
    appendFileSync(join(it.dataDirectory, 'postgresql.conf'), "recovery_target_name = 'nowhere'\n");
    const recovery = {
      source,
      target: { kind: 'lsn', lsn: parseLsn(half.lsn), inclusive: true },
      timeline: 'latest',
      action: 'pause',
      mode: 'recovery',
      archiving: 'off',
      major: 15,
    } as const;
    await writeRecovery(it.dataDirectory, recoverySettings(recovery), signalFile(recovery), systemClock.nowMs());
    await writeRecovery(it.dataDirectory, recoverySettings(recovery), signalFile(recovery), systemClock.nowMs());
    execFileSync('chown', ['-R', 'postgres', it.dataDirectory]);
    expect(readFileSync(join(it.dataDirectory, 'postgresql.auto.conf.from-backup'), 'utf8')).toContain("'2001-01-01'");
    server = await start(it, { unix_socket_directories: it.socketDirectory, listen_addresses: '' });
    const end = await watch({ door: doorOf(it) });
    expect(end.how).toBe('paused');
    expect(ask(it, 'SELECT count(*) FROM rows')).toBe('1000');
    expect(ask(it, 'SHOW work_mem')).toBe('5MB');
    expect(ask(it, 'SHOW archive_mode')).toBe('off');
  });

  test('one that takes the primary’s place archives on as that did, and a drill follows its timeline, or stays on the old one', async () => {
    const it = copy();
    const archiving = `archive_mode = 'on'\narchive_command = 'cp %p ${cluster.walDirectory}/%f'\n`;
    appendFileSync(join(it.dataDirectory, 'postgresql.conf'), archiving);
    const recovery = {
      source,
      target: { kind: 'lsn', lsn: parseLsn(half.lsn), inclusive: true },
      timeline: 'latest',
      action: 'promote',
      mode: 'recovery',
      archiving: 'as configured',
      major: 15,
    } as const;
    await writeRecovery(it.dataDirectory, recoverySettings(recovery), signalFile(recovery), systemClock.nowMs());
    execFileSync('chown', ['-R', 'postgres', it.dataDirectory]);
    server = await start(it, { unix_socket_directories: it.socketDirectory, listen_addresses: '' });
    expect((await watch()).story).toMatchObject({ newTimeline: 2 });
    ask(it, 'INSERT INTO rows VALUES (-1)');
    const last = ask(it, 'SELECT pg_walfile_name(pg_switch_wal() - 1)').split('\n')[0] ?? '';
    expect(last).toMatch(/^00000002/);
    const archived = (name: string) => existsSync(join(cluster.walDirectory, name));
    await waitFor(() => archived(last) && archived('00000002.history'), { what: 'timeline 2 to be archived' });
    await server.stop(0);
    try {
      for (const [timeline, rows, newest] of [
        [2, '1001', /^00000002/],
        [1, '2000', /^00000001/],
      ] as const) {
        const drilled = copy();
        await startDrill(drilled, { kind: 'latest' }, { timeline: timeline as TimelineId });
        const end = await watch();
        expect(end.story.lastRestored).toMatch(newest);
        expect(ask(drilled, 'SELECT count(*) FROM rows')).toBe(rows);
        await server.stop(0);
      }
    } finally {
      for (const name of readdirSync(cluster.walDirectory)) {
        if (name.startsWith('00000002')) rmSync(join(cluster.walDirectory, name));
      }
    }
  });

  test('a directory without configuration files, as Debian’s, gets what it needs, and a standby is told from a recovery', async () => {
    const it = copy();
    for (const name of ['postgresql.conf', 'pg_hba.conf', 'pg_ident.conf', 'postgresql.auto.conf'])
      rmSync(join(it.dataDirectory, name));
    const recovery = {
      source,
      target: { kind: 'latest' },
      timeline: 'latest',
      action: 'pause',
      mode: 'standby',
      archiving: 'off',
      major: 15,
    } as const;
    await writeRecovery(it.dataDirectory, recoverySettings(recovery), signalFile(recovery), systemClock.nowMs());
    execFileSync('chown', ['-R', 'postgres', it.dataDirectory]);
    server = await start(it, { unix_socket_directories: it.socketDirectory, listen_addresses: '' });
    expect(await watch({ door: doorOf(it), mode: 'standby' })).toMatchObject({ how: 'following' });
    expect(existsSync(join(it.dataDirectory, 'standby.signal'))).toBe(true);
  });

  test.each<[string, RecoveryTarget, Partial<DrillServer>, RegExp]>([
    [
      'a target after the end of the WAL',
      { kind: 'name', name: 'never' },
      {},
      /WAL ended before the target was reached/,
    ],
    [
      'a library that is not here',
      { kind: 'latest' },
      { more: { shared_preload_libraries: 'not_here' } },
      /library not_here is not on this machine/,
    ],
    [
      'settings that cannot be',
      { kind: 'latest' },
      { more: { work_mem: 'much' } },
      /invalid value for parameter "work_mem"/,
    ],
  ])('says why it did not get there: %s', async (_what, target, change, message) => {
    const it = copy();
    await startDrill(it, target, change);
    await expect(watch()).rejects.toMatchObject({ code: 'restore_failed', message: expect.stringMatching(message) });
    expect(server?.hasEnded).toBeDefined();
  });

  test('says why it did not get there: restore_cmd does not know', async () => {
    const it = copy();
    // A segment in the middle is gone while later WAL is there.
    const gone = join(cluster.walDirectory, half.name);
    const kept = readFileSync(gone);
    rmSync(gone);
    try {
      await startDrill(it, { kind: 'latest' });
      await expect(watch()).rejects.toMatchObject({ message: expect.stringContaining(half.name) });
      expect(readFileSync(it.logFile, 'utf8')).not.toContain('selected new timeline');
    } finally {
      writeFileSync(gone, kept);
    }
  });

  test('does not wait for ever for a restore_command that does not come back, and leaves no process', async () => {
    const it = copy();
    await startDrill(it, { kind: 'latest' }, { source: { ...source, program: ['/bin/sh', '-c', 'exec sleep 600'] } });
    await expect(watch({ stallLimitMs: 1_500 })).rejects.toMatchObject({
      message: expect.stringMatching(/did not move for \d+ s; it waits for the first WAL/),
    });
    await server?.stop(0);
    const isLeft = () => processesOf(it.dataDirectory) > 0;
    await waitFor(() => !isLeft(), { what: 'all processes of the server to end' });
  });

  test('refuses to run as root, and what belongs to another account', async () => {
    const it = copy();
    execFileSync('chown', ['root', it.dataDirectory]);
    await expect(start(it, {})).rejects.toMatchObject({ code: 'restore_refused' });
  });

  test('the server goes when the process that started it is killed', async () => {
    const it = copy();
    await startDrill(it, { kind: 'latest' });
    await watch();
    const pid = await server?.pid();
    expect(pid).toBeGreaterThan(1);
    // What SIGKILL of ours does to its guard: the pipe that we hold is closed.
    const config = join(cluster.directory, `${it.name}-configuration`, 'postgresql.conf');
    await server?.stop();
    const program = `
      import { startServer } from '${REPOSITORY_ROOT}/packages/core/src/restore/server/start-server.ts';
      await startServer({ programs: '${cluster.programs}', dataDirectory: '${it.dataDirectory}', logFile: '${it.logFile}',
        settings: { config_file: '${config}' }, environment: {}, endsWithUs: true });
      setInterval(() => undefined, 1000);`;
    const script = join(cluster.directory, 'start.mts');
    writeFileSync(script, program);
    const { spawn } = await import('node:child_process');
    const starter = spawn(process.execPath, [script], { stdio: 'ignore', env: { ...process.env, BUN_BE_BUN: '1' } });
    await waitFor(() => processesOf(it.dataDirectory) > 0 && existsSync(join(it.dataDirectory, 'postmaster.pid')), {
      what: 'the server to start',
    });
    starter.kill('SIGKILL');
    await waitFor(() => processesOf(it.dataDirectory) === 0, { what: 'the server to end' });
    // In order, and not by the loss of its parent: nothing of its shared memory is left.
    expect(readFileSync(it.logFile, 'utf8')).toContain('received immediate shutdown request');
  });

  /** Of the server of a data directory: in it, or started for it. */
  function processesOf(dataDirectory: string): number {
    const output = execFileSync('sh', [
      '-c',
      `ls -l /proc/[0-9]*/cwd 2>/dev/null | grep -c -- '-> ${dataDirectory}$' || true`,
    ]);
    return Number(String(output).trim());
  }
});
