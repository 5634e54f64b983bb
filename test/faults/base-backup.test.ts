import { cpSync, existsSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ArchiveHost } from '../support/archive-host.ts';
import { BackupStand, CLUSTER_DIRECTORY } from '../support/backup-stand.ts';
import { findPostgresPrograms } from '../support/postgres-programs.ts';
import type { Program, ProgramResult } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

/** The data, in kB: with the rate of `slowly` a backup takes some seconds. */
const PADDING_KB = 12_000;
const slowly = '--max-rate=2M';

describe('faults of a base backup', () => {
  let stand: BackupStand;
  let arch1: ArchiveHost;

  beforeAll(async () => {
    stand = await BackupStand.create();
    ({ arch1 } = stand.archive);
    await stand.primary.sql(
      `CREATE TABLE padding AS SELECT string_agg(md5(random()::text), '') FROM generate_series(1, ${PADDING_KB}) n, ` +
        'generate_series(1, 32) GROUP BY n',
    );
    await stand.write(1);
  });

  afterAll(async () => {
    await stand?.close();
  });

  /** Resolves when the server has sent that share of the backup, in percent. */
  async function waitForShare(percent: number): Promise<void> {
    const sql =
      'SELECT coalesce(max(100 * backup_streamed / nullif(backup_total, 0)), -1) FROM pg_stat_progress_basebackup';
    await waitFor(async () => Number(await stand.primary.value(sql)) >= percent, {
      what: `${percent} % of the backup`,
      timeoutMs: 30_000,
      intervalMs: 10,
    });
  }

  const programs = (host: ArchiveHost) => host.machine.processes(/pg_basebackup/);

  async function expectNothingRuns(host: ArchiveHost): Promise<void> {
    await waitFor(() => programs(host).length === 0, { what: 'pg_basebackup to end' });
  }

  const ended = (program: Program): Promise<ProgramResult> => program.endWithin(60_000);
  const published = (host: ArchiveHost) => stand.backups(host).filter((name) => /^data\.master\.\d+$/.test(name));

  test.each([10, 30, 60, 90, 99])(
    '86: killed at %i percent, it leaves nothing that looks whole, and the next run clears it away and succeeds',
    async (percent) => {
      const before = published(arch1);
      const program = stand.begin(arch1, [...stand.serverFlags(), slowly]);
      await waitForShare(percent);
      await program.signal('SIGKILL');
      await program.exited;
      expect(published(arch1)).toEqual(before);
      await expectNothingRuns(arch1);
      const [left = ''] = stand.backups(arch1).filter((name) => name.endsWith('.partial'));
      expect(left).not.toBe('');
      expect(existsSync(arch1.machine.path(`${CLUSTER_DIRECTORY}/${left}/backup.json`))).toBe(false);
      const next = await stand.backUp(arch1, stand.serverFlags(), 2);
      expect(next, next.stderr).toMatchObject({ status: 0 });
      expect(next.stderr).toContain(`name=${left}`);
      expect(stand.backups(arch1)).toEqual(published(arch1));
    },
  );

  test('42: SIGTERM ends pg_basebackup, removes what was written and says so', async () => {
    const before = stand.backups(arch1);
    const program = stand.begin(arch1, [...stand.serverFlags(), slowly]);
    await waitForShare(40);
    await program.signal('SIGTERM');
    const result = await ended(program);
    expect(result).toMatchObject({ status: 64, stderr: expect.stringContaining('SIGTERM ended the base backup') });
    expect(stand.backups(arch1)).toEqual(before);
    await expectNothingRuns(arch1);
  });

  test('71: of two at once for one directory, one works', async () => {
    const first = stand.begin(arch1, [...stand.serverFlags(), slowly]);
    await waitForShare(10);
    expect(await stand.backUp(arch1)).toMatchObject({ status: 40, stdout: '' });
    expect(await ended(first)).toMatchObject({ status: 0 });
  });

  test('87: without the WAL of its stop it is not complete, and nothing of it stays', async () => {
    const before = stand.backups(arch1);
    const command = stand.archive.archiveCommand();
    await stand.primary.setArchiveCommand('/bin/false');
    const result = await stand.backUp(arch1, [...stand.serverFlags(), '--wal-wait=3']);
    expect(result, result.stderr).toMatchObject({ status: 63 });
    expect(result.stderr).toMatch(/[0-9A-F]{24}.* did not come within 3 s/);
    expect(stand.backups(arch1)).toEqual(before);
    const program = stand.begin(arch1);
    await waitFor(() => program.stderr.includes('waiting for WAL'), { what: 'the wait for WAL', timeoutMs: 20_000 });
    expect(published(arch1)).toEqual(before);
    await stand.primary.setArchiveCommand(command);
    await stand.write(1);
    expect(await ended(program)).toMatchObject({ status: 0 });
  });

  test('WAL that only the peer has makes a backup complete', async () => {
    const { arch2 } = stand.archive;
    await stand.archive.waitForNoDebts();
    // This host takes no files: those of the primary go to the other one, which owes them.
    await arch1.killSshd();
    const result = await stand.backUp(arch1, [...stand.serverFlags(), '--wal-wait=40', '--verbose']);
    expect(result, result.stderr).toMatchObject({ status: 0 });
    const { startSegment } = stand.record(arch1, published(arch1).at(-1) ?? '');
    expect(arch2.files(stand.archive.walDirectory)).toContain(startSegment);
    // wal-sync brought it here, after the backup was complete.
    expect(result.stderr.indexOf('base backup is complete')).toBeLessThan(result.stderr.indexOf('wal-sync: equal'));
    expect(result.stderr).toMatch(/wal-sync: equal with arch2: fetched [1-9]/);
    await arch1.startSshd();
    await stand.archive.waitForNoDebts();
  });

  test('a server that fails in the middle is a failure, and nothing stays', async () => {
    const before = stand.backups(arch1);
    const program = stand.begin(arch1, [...stand.serverFlags(), slowly]);
    await waitForShare(30);
    const ending = 'SELECT pg_terminate_backend(pid) FROM pg_stat_progress_basebackup';
    await stand.primary.sql(ending);
    expect(await ended(program)).toMatchObject({ status: 61, stderr: expect.stringContaining('code=backup_failed') });
    expect(stand.backups(arch1)).toEqual(before);
  });

  /** A pg_basebackup that damages what the real one wrote before anybody sees it. */
  function damaging(script: string): string {
    const directory = '/srv/damaging';
    arch1.machine.makeDirectory(directory);
    arch1.machine.writeFile(
      `${directory}/pg_basebackup`,
      `#!/bin/sh
real=${findPostgresPrograms()}/pg_basebackup
[ "$1" != --version ] || exec $real --version
for word; do case $word in --pgdata=*) to=\${word#--pgdata=};; esac; done
mkdir -p /tmp/aside && rm -rf /tmp/aside/*
shift
$real --pgdata=/tmp/aside/it "$@" || exit $?
cd /tmp/aside/it
${script}
mv * "$to"/
`,
      0o755,
    );
    return directory;
  }

  test.each([
    ['a tar without its last byte', 'truncate -s -1 base.tar.zst'],
    ['a tar without its last frame block', 'truncate -s -200 base.tar.zst'],
    ['a tar with something behind it', 'echo >>base.tar.zst'],
    ['an empty tar', ': >base.tar.zst'],
    ['no tar', 'rm base.tar.zst'],
    ['a flipped byte in the tar', 'printf X | dd of=base.tar.zst bs=1 seek=500000 conv=notrunc 2>/dev/null'],
    [
      'a file less',
      'zstd -dqc base.tar.zst >t && tar --delete -f t global/1262 && zstd -q t -o base.tar.zst -f && rm t',
    ],
    [
      'a file more',
      'zstd -dqc base.tar.zst >t && touch x && tar -rf t --format=ustar x && zstd -q t -o base.tar.zst -f && rm t x',
    ],
    [
      'a name that leads out',
      "zstd -dqc base.tar.zst >t && touch x && tar -rPf t --format=ustar --transform 's,x,../x,' x && zstd -q t -o base.tar.zst -f && rm t x",
    ],
    ['a manifest without a line', "sed -i '/global.1262/d' backup_manifest"],
    ['no manifest', 'rm backup_manifest'],
    ['no WAL', 'tar -cf pg_wal.tar --format=ustar -T /dev/null'],
    ['WAL with a flipped header', 'printf X | dd of=pg_wal.tar bs=1 seek=520 conv=notrunc 2>/dev/null'],
  ])('%s is found, and the backup is not kept', async (_what, script) => {
    const before = stand.backups(arch1);
    const result = await stand.backUp(arch1, [...stand.serverFlags(), '--bindir', damaging(script)]);
    expect([61, 62], result.stderr).toContain(result.status);
    expect(stand.backups(arch1)).toEqual(before);
  });

  test('what the damaging program does not damage is a backup', async () => {
    const result = await stand.backUp(arch1, [...stand.serverFlags(), '--bindir', damaging('true')]);
    expect(result, result.stderr).toMatchObject({ status: 0 });
  });

  describe('a disk with little room', () => {
    const copied = '/srv/copied';

    beforeAll(async () => {
      cpSync(arch1.machine.path(CLUSTER_DIRECTORY), arch1.machine.path(copied), { recursive: true });
      for (const name of readdirSync(arch1.machine.path(copied)).filter((it) => it.startsWith('data.'))) {
        await arch1.machine.check(['rm', '-r', `${copied}/${name}`], { user: 'root' });
      }
      await arch1.machine.mount(CLUSTER_DIRECTORY, ['-t', 'tmpfs', '-o', 'size=120m', 'tmpfs']);
      await arch1.machine.check(
        ['sh', '-c', `cp -r ${copied}/. ${CLUSTER_DIRECTORY} && chown -R postgres ${CLUSTER_DIRECTORY}`],
        {
          user: 'root',
        },
      );
    });

    const fill = (mb: number) =>
      arch1.machine.check(['dd', 'if=/dev/zero', `of=${CLUSTER_DIRECTORY}/ballast`, 'bs=1M', `count=${mb}`]);
    const empty = () => arch1.machine.check(['rm', '-f', `${CLUSTER_DIRECTORY}/ballast`]);

    test('20: too little for it is said before anything is written', async () => {
      const result = await stand.backUp(arch1, [...stand.serverFlags(), '--min-free=80MB']);
      expect(result).toMatchObject({ status: 33, stderr: expect.stringContaining('must stay free') });
      expect(stand.backups(arch1)).toEqual([]);
    });

    test('20: what others write meanwhile ends it before the watermark, and the partial is gone', async () => {
      const program = stand.begin(arch1, [...stand.serverFlags(), slowly, '--min-free=40MB']);
      await waitForShare(20);
      await fill(75);
      const result = await ended(program);
      expect(result).toMatchObject({ status: 33, stderr: expect.stringContaining('must stay free') });
      expect(stand.backups(arch1)).toEqual([]);
      await expectNothingRuns(arch1);
      await empty();
    });

    test('20: a disk that is full in the middle is a clear failure', async () => {
      const program = stand.begin(arch1, [...stand.serverFlags(), slowly, '--min-free=0%']);
      await waitForShare(20);
      await fill(200).catch(() => undefined);
      expect(await ended(program)).toMatchObject({ status: 33 });
      expect(stand.backups(arch1)).toEqual([]);
      await empty();
    });
  });
});

describe('85: a standby that is promoted during the backup', () => {
  test('fails it cleanly, and the next try takes one from the new primary', async () => {
    const stand = await BackupStand.create();
    try {
      const standby = await stand.addStandby();
      await stand.primary.sql(
        "CREATE TABLE padding AS SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 12000) n, generate_series(1, 32) GROUP BY n",
      );
      await stand.write(1);
      await standby.pollUntil("SELECT to_regclass('padding') IS NOT NULL", 't');
      const { arch1 } = stand.archive;
      const program = stand.begin(arch1, [...stand.serverFlags(standby), slowly]);
      await waitFor(async () => (await standby.value('SELECT count(*) FROM pg_stat_progress_basebackup')) === '1', {
        what: 'the backup to begin on the standby',
        timeoutMs: 20_000,
      });
      standby.configure({ archive_mode: true, archive_command: stand.archive.archiveCommand() });
      await standby.reload();
      await standby.promote();
      const result = await program.endWithin(60_000);
      expect(result, result.stderr).toMatchObject({ status: 61 });
      expect(result.stderr).toMatch(/promoted|standby/);
      expect(stand.backups(arch1)).toEqual([]);
      await stand.primary.stop('immediate');
      // archive_mode needs a restart.
      await standby.restart();
      const next = await stand.backUp(arch1, stand.serverFlags(standby));
      expect(next, next.stderr).toMatchObject({ status: 0 });
      expect(stand.record(arch1, 'data.master.1').stop.timeline).toBe(2);
    } finally {
      await stand.close();
    }
  });
});
