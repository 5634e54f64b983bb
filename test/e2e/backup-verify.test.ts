import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ArchiveHost } from '../support/archive-host.ts';
import { BackupStand, CLUSTER_DIRECTORY } from '../support/backup-stand.ts';
import { changeWithin } from '../support/damaged-backup.ts';
import {
  beginDrill,
  type DrillJson,
  drill,
  failedChecks,
  leftOf,
  pinsOn,
  SCRATCH,
  STATE_DIRECTORY,
} from '../support/drill-stand.ts';
import type { Machine } from '../support/machine.ts';
import { waitFor } from '../support/wait-for.ts';

describe('a restore drill', () => {
  let stand: BackupStand;
  let arch1: ArchiveHost;
  let arch2: ArchiveHost;
  let third: Machine;
  /** A table that nobody touches after the backups, in the data directory. */
  let quietFile: string;

  beforeAll(async () => {
    stand = await BackupStand.create();
    ({ arch1, arch2 } = stand.archive);
    third = stand.restorer;
    const space = '/var/lib/postgresql/space';
    stand.primary.machine.makeDirectory(space, 0o700);
    await stand.primary.sql(`CREATE TABLESPACE extra LOCATION '${space}'`);
    await stand.primary.sql('CREATE TABLE in_extra TABLESPACE extra AS SELECT n FROM generate_series(1, 1000) n');
    await stand.primary.sql('CREATE TABLE quiet AS SELECT n FROM generate_series(1, 1000) n');
    await stand.primary.sql('CHECKPOINT');
    quietFile = await stand.primary.value("SELECT pg_relation_filepath('quiet')");
    for (const host of stand.hosts) {
      const result = await stand.backUp(host);
      expect(result, result.stderr).toMatchObject({ status: 0 });
    }
    await stand.write(3);
    await stand.archive.waitForNoDebts();
  });

  afterAll(async () => {
    await stand?.close();
  });

  const rows = () => stand.ledger.confirmed.length;
  const allRows = () => `select count(*) = ${rows()} from ledger`;

  test('on a third machine proves a good backup, reports it, and leaves nothing', async () => {
    const checks =
      '-- check: rows\n-- min: 1\nselect count(*) from ledger;\n-- check: space\nselect sum(n) = 500500 from in_extra';
    third.writeFile('/var/lib/postgresql/checks.sql', checks);
    const flags = ['--check', allRows(), '--checks', '/var/lib/postgresql/checks.sql', '--heapallindexed', '--dump'];
    const { status, stderr, report } = await drill(third, flags);
    expect(status, stderr).toBe(0);
    expect(report).toMatchObject({ ok: true, problem: null, host: third.name, warnings: [], evidence: null });
    expect(failedChecks(report)).toEqual({});
    const names = report.checks.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        'manifest',
        'end of recovery',
        'system identifier',
        'page checksums',
        'amcheck',
        'rows',
        'space',
      ]),
    );
    expect(report.checks.find(({ name }) => name === 'rows')?.value).toBe(String(rows()));
    expect(report.checks.find(({ name }) => name === 'page checksums')?.value).toMatch(/^[1-9]\d* pages compared/);
    expect(report.recovery?.lastSegment).toBe(report.recovery?.expectedSegment);
    expect(report.rpoMs).toBeLessThan(120_000);
    expect(report.rtoMs).toBeGreaterThan(0);
    const stored = third.path(`${STATE_DIRECTORY}/drills/main`);
    expect(readdirSync(stored)).toEqual([expect.stringContaining(report.id)]);
    expect(leftOf(third)).toEqual([]);
    expect(pinsOn(stand)).toEqual([]);
    const events = readFileSync(third.path(`${STATE_DIRECTORY}/events.jsonl`), 'utf8');
    expect(events).toContain('"drill-passed"');
  });

  test('reads from the other host the next time, and takes the one that was not drilled yet in a rotation', async () => {
    const last = (): DrillJson => {
      const directory = third.path(`${STATE_DIRECTORY}/drills/main`);
      return JSON.parse(readFileSync(`${directory}/${readdirSync(directory).toSorted().at(-1)}`, 'utf8')) as DrillJson;
    };
    const before = last().backup?.host;
    const { report } = await drill(third, ['--target', 'random']);
    expect(report).toMatchObject({ ok: true });
    expect(new Set([before, report.backup?.host])).toEqual(new Set(['arch1', 'arch2']));
    const { report: rotated } = await drill(third, ['--rotate']);
    expect(rotated.backup?.host).toBe(before);
  });

  test('on an archive host needs no network for its own, and the archive has the report', async () => {
    const words = ['--cluster-dir', CLUSTER_DIRECTORY, '--peer', 'arch2', '--scratch', SCRATCH, '--check', allRows()];
    const remote = ['--remote-cmd', '/opt/archive2/bin/archive_remote_cmd'];
    const result = await arch1.machine.run(['/opt/archive2/bin/backup-verify', ...words, ...remote], {
      timeoutMs: 60_000,
    });
    expect(result, result.stderr).toMatchObject({ status: 0 });
    expect(result.stdout).toMatch(/^drill of main on arch1: good\nbackup {3}data\.master\.1 of arch\d, taken /);
    expect(readdirSync(arch1.machine.path(`${CLUSTER_DIRECTORY}/state/drills`))).toHaveLength(1);
    expect(readFileSync(arch1.machine.path(`${CLUSTER_DIRECTORY}/state/events.jsonl`), 'utf8')).toContain(
      '"drill-passed"',
    );
    expect(leftOf(arch1.machine)).toEqual([]);
  });

  test('a check that fails keeps the evidence, whose commands work, and the next drill removes it', async () => {
    const check = 'select number from ledger where number < 3';
    const { status, report } = await drill(third, ['--check', check]);
    expect(status).toBe(67);
    expect(failedChecks(report)).toEqual({ [check]: 'it gave several rows' });
    expect(report.checks.find(({ name }) => name === check)?.evidence).toEqual(['1', '2']);
    expect(leftOf(third)).toEqual([`${SCRATCH}/main`]);
    const [start = '', psql = '', stop = ''] = report.evidence?.commands ?? [];
    await third.check(['sh', '-c', `${start} >/dev/null`]);
    expect((await third.check(['sh', '-c', `${psql} -XAtc 'select count(*) from ledger'`])).trim()).toBe(
      String(rows()),
    );
    // Somebody is looking: nothing is taken away from under them.
    const busy = await beginDrill(third, []).endWithin(60_000);
    expect(busy).toMatchObject({ status: 40, stderr: expect.stringContaining('a server runs in') });
    await third.check(['sh', '-c', `${stop} >/dev/null`]);
    const next = await drill(third, ['--check', allRows()]);
    expect(next.status, next.stderr).toBe(0);
    expect(leftOf(third)).toEqual([]);
  });

  test('93: an old backup, one of another cluster, an empty one and none fail', async () => {
    const old = await drill(third, ['--max-rpo', '1', '--no-keep-on-failure']);
    expect(old.status).toBe(67);
    expect(failedChecks(old.report)).toEqual({ 'newest commit': expect.stringContaining('at most 1 s') });
    const other = await drill(third, ['--system-identifier', '7710547627397989049', '--no-keep-on-failure']);
    expect(other.status).toBe(67);
    expect(failedChecks(other.report)).toEqual({ 'system identifier': expect.stringContaining("another cluster's") });
    expect(leftOf(third)).toEqual([]);
    const none = await drill(third, ['--backup', 'data.master.77']);
    expect(none.report.problem).toMatchObject({
      code: 'drill_failed',
      message: expect.stringContaining('no complete base backup'),
    });
    // In place of the newest: a directory that somebody copied from another cluster's archive.
    const from = arch1.machine.path(`${CLUSTER_DIRECTORY}/data.master.1`);
    const to = arch1.machine.path(`${CLUSTER_DIRECTORY}/data.master.9`);
    cpSync(from, to, { recursive: true });
    await arch1.machine.check(['true']);
    const record = JSON.parse(readFileSync(`${to}/backup.json`, 'utf8')) as Record<string, unknown>;
    const changed = { ...record, name: 'data.master.9', number: 9, systemIdentifier: '7710547627397989049' };
    writeFileSync(`${to}/backup.json`, JSON.stringify(changed));
    const foreign = await drill(third, ['--backup', 'arch1:data.master.9']);
    rmSync(to, { recursive: true });
    expect(foreign.status).toBe(67);
    expect(foreign.report.problem?.message).toContain('data.master.9 of arch1 cannot be restored: ');
  });

  test('a host that is down is said, and the other one is enough', async () => {
    await arch1.machine.kill9();
    const { status, stderr, report } = await drill(third, ['--check', allRows()]);
    await arch1.machine.boot();
    await arch1.startSshd();
    expect(status, stderr).toBe(0);
    expect(report.warnings).toEqual([expect.stringContaining('arch1 did not answer')]);
    expect(report.backup?.host).toBe('arch2');
  });

  test('a segment that is damaged on one host is taken from the other; one that ends in the middle on both is noticed', async () => {
    const name = await stand.primary.value('SELECT pg_walfile_name(pg_current_wal_lsn())');
    await stand.write(3);
    await stand.write(2);
    await stand.archive.waitForNoDebts();
    const paths = stand.hosts.map(({ machine }) => machine.path(`${stand.archive.walDirectory}/${name}`));
    const kept = paths.map((path) => readFileSync(path));
    const damaged = Buffer.from(kept[0] as Buffer);
    damaged.fill(0xaa, 60, 80);
    writeFileSync(paths[0] as string, damaged);
    const good = await drill(third, ['--check', allRows()]);
    expect(good.status, good.stderr).toBe(0);
    // Right size, right header, then nothing: PostgreSQL takes it for the end of the WAL and opens.
    const raw = Buffer.from(stand.archive.content(arch2, name) as Buffer);
    raw.fill(0, raw.length / 16);
    for (const path of paths) writeFileSync(path, raw);
    const short = await drill(third, ['--no-keep-on-failure']);
    for (const [index, path] of paths.entries()) writeFileSync(path, kept[index] as Buffer);
    expect(short.status).toBe(67);
    expect(failedChecks(short.report)).toMatchObject({
      'end of recovery': expect.stringContaining('the replay stopped short'),
    });
  });

  test('a hole is told before anything is restored', async () => {
    const name = await stand.primary.switchWal();
    await stand.write(2);
    await stand.archive.waitForNoDebts();
    const paths = stand.hosts.map(({ machine }) => machine.path(`${stand.archive.walDirectory}/${name}`));
    const kept = paths.map((path) => readFileSync(path));
    for (const path of paths) rmSync(path);
    const { status, report } = await drill(third);
    for (const [index, path] of paths.entries()) writeFileSync(path, kept[index] as Buffer);
    expect(status).toBe(67);
    expect(report.problem?.message).toContain(`${name} is missing although later WAL is archived`);
  });

  test('a damaged page in the backup is found, although the manifest has it so', async () => {
    const directory = arch2.machine.path(`${CLUSTER_DIRECTORY}/data.master.1`);
    const kept = ['base.tar.zst', 'backup_manifest', 'backup.json'].map(
      (file) => [file, readFileSync(`${directory}/${file}`)] as const,
    );
    changeWithin(directory, quietFile, (content) => content.fill(0x55, 8192 + 4096, 8192 + 4200));
    const { status, report } = await drill(third, ['--backup', 'arch2:data.master.1', '--no-keep-on-failure']);
    for (const [file, bytes] of kept) writeFileSync(`${directory}/${file}`, bytes);
    expect(status).toBe(67);
    expect(failedChecks(report)).toEqual({ 'page checksums': expect.stringContaining('1 page is damaged') });
    expect(report.checks.find(({ name }) => name === 'page checksums')?.evidence).toEqual([`${quietFile}, block 1`]);
  });

  test('SIGTERM in the middle leaves no process, no file and no pin; a second drill meanwhile is refused', async () => {
    const program = beginDrill(third, ['--check', 'select pg_sleep(300) is not null']);
    const isAsking = () => third.processes(/postgres: .*(archive2|postgres postgres).*DECLARE|FETCH/).length > 0;
    await waitFor(isAsking, { what: 'the check to begin', timeoutMs: 60_000 });
    expect(pinsOn(stand)).toEqual([`backup-verify ${third.name}`, `backup-verify ${third.name}`]);
    const second = await beginDrill(third, []).endWithin(30_000);
    expect(second).toMatchObject({ status: 40 });
    await program.signal('SIGTERM');
    const ended = await program.endWithin(30_000);
    expect(ended).toMatchObject({ status: 64 });
    expect(JSON.parse(ended.stdout)).toMatchObject({ ok: false, problem: { code: 'interrupted' } });
    expect(leftOf(third)).toEqual([]);
    expect(pinsOn(stand)).toEqual([]);
  });

  test('SIGKILL leaves no server and no agent, and the next drill cleans up', async () => {
    const program = beginDrill(third, ['--check', 'select pg_sleep(300) is not null']);
    const isAsking = () => third.processes(/postgres: .*FETCH/).length > 0;
    await waitFor(isAsking, { what: 'the check to begin', timeoutMs: 60_000 });
    await program.kill();
    const servers = () => third.processes(/postgres -D|postgres: /).length;
    await waitFor(() => servers() === 0, { what: 'the server to end' });
    expect(existsSync(third.path(`${SCRATCH}/main`))).toBe(true);
    const { status, stderr } = await drill(third);
    expect(status, stderr).toBe(0);
    expect(existsSync(third.path(`${SCRATCH}/main`))).toBe(false);
  });

  test('an empty cluster fails', async () => {
    await stand.primary.sql('DROP TABLE in_extra, quiet');
    await stand.primary.sql('DROP TABLE ledger');
    await stand.primary.waitForArchived(await stand.primary.switchWal());
    const { status, report } = await drill(third, ['--no-keep-on-failure']);
    expect(status).toBe(67);
    expect(failedChecks(report)).toMatchObject({ tables: expect.stringContaining('empty cluster') });
  });
});
