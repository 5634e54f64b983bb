import { existsSync, renameSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ArchiveHost } from '../support/archive-host.ts';
import { StatusStand } from '../support/status-stand.ts';
import { waitFor } from '../support/wait-for.ts';

/** For a look that may take two seconds: with the start of the program, on a busy computer. */
const withinMs = 8_000;
/** So that states need not grow old; the usual limits are the unit tests'. */
const young = ['--single-copy-age=1s,1h', '--debt-age=1s,1h'];

/** The table with each of its texts on one line. */
const unwrapped = (table: string) => table.replaceAll(/\n {9,}/g, ' ');

describe('archive-status', () => {
  let stand: StatusStand;
  let arch1: ArchiveHost;
  let arch2: ArchiveHost;

  beforeAll(async () => {
    stand = await StatusStand.create();
    ({ arch1, arch2 } = stand.backups.archive);
  }, 120_000);

  afterAll(async () => {
    await stand?.close();
  });

  const levelOf = async (rule: string): Promise<string[]> => {
    const { verdicts } = await stand.json();
    return [
      ...new Set(
        verdicts.flatMap(({ findings }) => findings.filter((it) => it.rule === rule).map(({ level }) => level)),
      ),
    ];
  };
  const segmentPath = (host: ArchiveHost, name: string) =>
    host.machine.path(`${stand.backups.archive.walDirectory}/${name}`);

  test('without a backup and a drill: what is missing is told, and the rest is well', async () => {
    const { status, stdout } = await stand.check();
    expect(status, stdout).toBe(2);
    expect(stdout).toMatch(/^ARCHIVE CRITICAL - main: there is no complete base backup; nothing can be restored/);
    expect(stdout).toContain('WARNING   drill: no restore drill is recorded');
    const { hosts, servers, wal, coverage, newestBackup, agents, role } = await stand.cluster();
    expect(hosts.map(({ lag }) => lag)).toMatchObject([{ value: { segments: 0 } }, { value: { segments: 0 } }]);
    expect(servers.map((server) => server.role)).toMatchObject([{ value: 'primary' }, { value: 'standby' }]);
    expect(role).toMatchObject({ primaries: { value: [stand.nameOf(stand.backups.primary)] }, timeline: { value: 1 } });
    expect(wal).toMatchObject({ singleCopies: { value: [] }, holes: { value: [] } });
    expect(newestBackup).toEqual({ known: true, value: null });
    expect(coverage).toMatchObject({ value: { ranges: [], isWhole: true } });
    expect(agents).toBeNull();
    expect(await stand.table()).toMatch(/^coverage +nothing can be restored$/m);
  });

  test('a running backup is seen at work, with how far it is', async () => {
    const program = stand.beginBackup(arch1, '--max-rate=4M', '--lease=300');
    const seen = await waitFor(
      async () => {
        const { queue } = await stand.cluster();
        return queue.known ? queue.value.schedules[0]?.running : undefined;
      },
      { what: 'the running backup', timeoutMs: 20_000, intervalMs: 100 },
    );
    expect(seen.host).toBe('arch1');
    // It must not end while it is looked at.
    await program.signal('SIGSTOP');
    expect(await stand.table()).toMatch(/^base +running, on arch1 for/m);
    expect((await stand.check('--only=running')).stdout).toContain('base runs on arch1');
    const tooLong = await stand.check('--only=running', '--backup-duration=0.001s');
    expect(tooLong).toMatchObject({ status: 1, stdout: expect.stringContaining('too long') });
    await program.signal('SIGCONT');
    const result = await program.endWithin(60_000);
    expect(result, result.stderr).toMatchObject({ status: 0 });
  });

  test('all well: check is 0, table and JSON agree, coverage has begun', async () => {
    await stand.recordDrill(true);
    await stand.backups.write(1);
    const { stdout } = await stand.checkUntil(0, /^ARCHIVE OK - main: all is well \| '/);
    expect(stdout).toContain("'arch1_debts'=0;;;0");
    const { clusters, verdicts, schema } = await stand.json();
    expect(schema).toBe(1);
    expect(verdicts).toMatchObject([{ cluster: 'main', level: 'ok' }]);
    const [cluster] = clusters;
    expect(cluster).toMatchObject({
      newestBackup: { value: { name: 'data.master.1', host: 'arch1' } },
      drills: {
        value: [{ ok: true, rtoMs: 41_000, rpoMs: 7_000, checks: [{ name: 'odds', ok: true, detail: '12' }] }],
      },
      coverage: { value: { ranges: [{ backup: 'data.master.1' }], isWhole: true } },
    });
    const archived = (await stand.backups.primary.archiverStats()).lastArchivedWal;
    expect(cluster?.wal.newest).toMatchObject({ value: { name: archived } });
    const table = await stand.table();
    expect(table).toMatch(/^main {2}OK$/m);
    expect(table).toMatch(new RegExp(`^arch1 +${archived} .* data\\.master\\.1 `, 'm'));
    expect(unwrapped(table)).toMatch(
      /^drill +data\.master\.1 on arch1, .* ago: good, restored in 41 s, 7 s would have been lost$/m,
    );
    expect(Math.max(...table.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(table).not.toContain('\u001b');
  });

  test('on the primary itself: its agent answers, and the disk of pg_wal is known', async () => {
    const { backups, monitor } = stand;
    const { machine } = backups.primary;
    await backups.archive.admit(machine, 'put,status');
    stand.writeConfig(machine);
    const { stdout, stderr } = await stand.run(['--json'], machine);
    expect(stderr).toBe('');
    const [cluster] = (JSON.parse(stdout) as Awaited<ReturnType<StatusStand['json']>>).clusters;
    expect(cluster?.agents).toMatchObject({
      value: [{ answers: { value: true }, counters: { value: { role: 'push', cluster: 'main' } } }],
    });
    expect(cluster?.servers[0]?.walDisk).toMatchObject({ known: true });
    expect(cluster?.servers[1]?.walDisk).toMatchObject({ known: false });
    expect(cluster?.hosts.map(({ cooldown }) => cooldown)).toEqual([
      { known: true, value: null },
      { known: true, value: null },
    ]);
    const [agent] = machine.processes('archive_cmd agent run').map(({ pid }) => pid);
    if (agent === undefined) throw new Error('the primary has no agent');
    process.kill(agent, 'SIGSTOP');
    try {
      const hangs = await stand.run(['check', '--only=agent', '--timeout=2'], machine);
      expect(hangs).toMatchObject({ status: 1, stdout: expect.stringContaining('is there and does not answer') });
    } finally {
      process.kill(agent, 'SIGCONT');
    }
    expect(await stand.run(['check', '--only=agent'], machine)).toMatchObject({ status: 0 });
    const fromAfar = await stand.run(['--json'], monitor);
    expect(
      (JSON.parse(fromAfar.stdout) as { clusters: { servers: { walDisk: unknown }[] }[] }).clusters[0]?.servers[0]
        ?.walDisk,
    ).toMatchObject({ known: false });
  });

  test('a drill that failed is critical until the next good one', async () => {
    await stand.recordDrill(false);
    const { status, stdout } = await stand.check('--only=drill');
    expect({ status, stdout }).toMatchObject({
      status: 2,
      stdout: expect.stringContaining('failed: the table odds is empty'),
    });
    expect(unwrapped(await stand.table())).toMatch(
      /^drill +data\.master\.1 on arch1, .* FAILED: the table odds is empty$/m,
    );
    await stand.recordDrill(true);
    expect(await stand.check('--only=drill')).toMatchObject({ status: 0 });
  });

  test('a segment on one host only, and on none: single copy, hole, and well again', async () => {
    const name = (await stand.backups.primary.archiverStats()).lastArchivedWal;
    await stand.backups.write(1);
    await stand.backups.archive.waitForNoDebts();
    renameSync(segmentPath(arch2, name), `${segmentPath(arch2, name)}.away`);
    const single = await stand.checkUntil(1, new RegExp(`1 segment is on one host only, ${name} on arch1`), young);
    expect(single.stdout).toContain("'single_copies'=1;;;0");
    expect((await stand.cluster()).wal.singleCopies).toMatchObject({
      value: [{ host: 'arch1', from: name, count: 1 }],
    });
    renameSync(segmentPath(arch1, name), `${segmentPath(arch1, name)}.away`);
    const hole = await stand.check();
    expect(hole).toMatchObject({
      status: 2,
      stdout: expect.stringContaining(`1 segment is missing on all hosts, first ${name}`),
    });
    expect((await stand.cluster()).wal.holes).toMatchObject({ value: [{ from: name, to: name, accepted: null }] });
    expect(await stand.table()).toMatch(new RegExp(`^holes +${name}$`, 'm'));
    for (const host of [arch1, arch2]) renameSync(`${segmentPath(host, name)}.away`, segmentPath(host, name));
    await stand.checkUntil(0, /all is well/);
  });

  test('a host that is down: told, its cells unknown, what is owed to it seen', async () => {
    await arch2.killSshd();
    try {
      const { status, stdout } = await stand.check();
      expect(status, stdout).toBe(1);
      expect(stdout).toMatch(/^ARCHIVE WARNING - main: arch2 does not answer/);
      await stand.backups.write(1);
      await stand.checkUntil(1, /arch1 owes \d+ files?, since/, young);
      const { hosts, wal } = await stand.cluster();
      expect(hosts[0]?.debts).toMatchObject({ known: true });
      expect(hosts[1]).toMatchObject({
        answerMs: { known: false },
        debts: { known: false },
        lastBackup: { known: false },
      });
      expect(wal).toMatchObject({ singleCopies: { known: false }, holes: { known: false }, newest: { known: true } });
      expect(await stand.table()).toMatch(/^arch2 +\? +\? +\? +\? +\? +\? +\?$/m);
      expect(await levelOf('holes')).toEqual(['unknown']);
    } finally {
      await arch2.startSshd();
    }
    await stand.backups.archive.waitForNoDebts();
    await stand.checkUntil(0, /all is well/);
  });

  test('a host and a server that hang cost the timeout, and no more', async () => {
    const listeners = arch1.machine.processes(/sshd.*(\[listener\]|-D -e)/).map(({ pid }) => pid);
    const servers = stand.standby.machine.processes(/postgres/).map(({ pid }) => pid);
    const hanging = [...listeners, ...servers];
    expect(listeners.length).toBeGreaterThan(0);
    for (const pid of hanging) process.kill(pid, 'SIGSTOP');
    try {
      const before = performance.now();
      const { status, stdout } = await stand.check('--timeout=2');
      expect(performance.now() - before).toBeLessThan(withinMs);
      expect(status, stdout).toBe(1);
      expect(stdout).toMatch(/arch1 does not answer/);
      expect(stdout).toContain(`${stand.nameOf(stand.standby)} did not answer within`);
      expect((await stand.json('--timeout=2')).gatheringMs).toBeLessThan(3_000);
    } finally {
      const isThere = (pid: number) => existsSync(`/proc/${pid}`);
      // A server's process that was about to end may have done so.
      for (const pid of hanging.filter(isThere)) process.kill(pid, 'SIGCONT');
    }
    await stand.checkUntil(0, /all is well/);
  });

  test('an archiver that fails is a warning at once, and one that is stopped is critical within twice archive_timeout', async () => {
    const { primary } = stand.backups;
    const command = await primary.value('SHOW archive_command');
    await primary.setArchiveCommand('/bin/false');
    await primary.switchWal();
    await stand.checkUntil(1, /the archiver of .* fails \(0000/, ['--only=archiver', '--archiver-stopped=1h']);
    await stand.checkUntil(2, /the archiver of .* fails: \d+ files wait/, ['--only=archiver', '--archiver-stopped=2s']);
    await primary.setArchiveCommand(command);
    await stand.checkUntil(0, /all is well/);

    const timeoutMs = 10_000;
    primary.configure({ archive_timeout: timeoutMs / 1000 });
    await primary.reload();
    await stand.backups.write(1);
    const [archiver] = primary.machine.processes(/archiver/).map(({ pid }) => pid);
    if (archiver === undefined) throw new Error('the primary has no archiver');
    process.kill(archiver, 'SIGSTOP');
    try {
      const before = performance.now();
      await stand.backups.ledger.append();
      await stand.checkUntil(2, /the archiver of .* has stopped: 1 files wait/, ['--only=archiver'], 3 * timeoutMs);
      expect(performance.now() - before).toBeLessThan(2 * timeoutMs);
    } finally {
      process.kill(archiver, 'SIGCONT');
    }
    primary.configure({ archive_timeout: 0 });
    await primary.reload();
    await stand.checkUntil(0, /all is well/);
  });

  test('a server and a queue that were started again are asked over new connections, at once', async () => {
    const gatherer = await stand.openGatherer();
    try {
      const cells = async () => {
        const [cluster] = (await gatherer.gather()).clusters;
        return { queue: cluster?.queue?.known, servers: cluster?.servers.map(({ role }) => role.known) };
      };
      const all = { queue: true, servers: [true, true] };
      expect(await cells()).toEqual(all);
      await Promise.all([stand.queue.restart(), stand.standby.restart()]);
      expect(await cells()).toEqual(all);
    } finally {
      await gatherer.close();
    }
  });

  test('without its queue what only that knows is unknown, and nothing else', async () => {
    await stand.queue.stop('immediate');
    const { status, stdout } = await stand.check();
    expect(status, stdout).toBe(3);
    expect(stdout).toMatch(/^ARCHIVE UNKNOWN - main: .*queue/);
    const { queue, drills, wal, coverage } = await stand.cluster();
    expect({ queue, drills }).toMatchObject({ queue: { known: false }, drills: { known: false } });
    expect({ wal, coverage }).toMatchObject({ wal: { holes: { known: true } }, coverage: { known: true } });
    expect(await stand.table()).toMatch(/^queue +UNKNOWN: /m);
    expect((await stand.check('--skip=queue,drill,backup,dump,running')).status).toBe(0);
    await stand.queue.start();
    await stand.checkUntil(0, /all is well/);
  });

  test('without its primary lag and archiver are unknown, and a promoted standby is told', async () => {
    const { primary } = stand.backups;
    await primary.kill9();
    const gone = await stand.check();
    expect(gone.status, gone.stdout).toBe(1);
    expect(gone.stdout).toMatch(/UNKNOWN +archiver: /);
    expect(gone.stdout).toMatch(/UNKNOWN +wal: no primary answers/);
    expect(gone.stdout).toMatch(/UNKNOWN +primary: /);
    const { hosts, role } = await stand.cluster();
    expect(hosts[0]?.lag).toMatchObject({ known: false });
    expect(role.primaries).toMatchObject({ known: false });
    await stand.standby.promote();
    const name = stand.nameOf(stand.standby);
    const elsewhere = new RegExp(`the primary is ${name}, and not ${primary.machine.address}, since \\d{4}-`);
    await stand.checkUntil(1, elsewhere, ['--only=primary']);
    // The standby was not set up to archive: that nobody does is the worst of it.
    const archiver = await stand.check('--only=archiver');
    expect(archiver).toMatchObject({ status: 2, stdout: expect.stringContaining('archive_mode is off') });
    expect((await stand.cluster()).role).toMatchObject({
      primaries: { value: [name] },
      timeline: { value: 2 },
      timelineSinceAt: { known: true },
    });
    await primary.start();
    const two = await stand.check('--only=primary');
    expect(two.status, two.stdout).toBe(2);
    expect(two.stdout).toMatch(/both say that they are the primary/);
  });

  test('a wrong call or configuration is unknown, never ok', async () => {
    const run = async (...words: string[]) => await stand.monitor.run([stand.programPath, ...words]);
    for (const words of [
      ['--only=backups'],
      ['--bogus'],
      ['--help'],
      ['--config=/nowhere'],
      ['--cluster=nobody', '--config=/srv/status.conf'],
    ]) {
      const { status, stdout } = await run('check', ...words);
      expect(status, words.join(' ')).toBe(3);
      if (words[0] !== '--help') expect(stdout).toMatch(/^ARCHIVE UNKNOWN - /);
    }
    stand.monitor.writeFile('/srv/empty.conf', '# nothing\n', 0o644);
    expect(await run('check', '--config=/srv/empty.conf')).toMatchObject({
      status: 3,
      stdout: expect.stringContaining('names no cluster'),
    });
    expect(await run('--config=/srv/empty.conf')).toMatchObject({ status: 2, stdout: '' });
  });

  test('--watch prints again and again, and ends with a signal as with success', async () => {
    const program = stand.monitor.spawn([stand.programPath, '--config', '/srv/status.conf', '--watch', '1']);
    await waitFor(() => program.stdout.split('as of ').length > 2, { what: 'the second table' });
    await program.signal('SIGINT');
    expect(await program.endWithin(5_000)).toMatchObject({ status: 0 });
  });
});
