import { describe, expect, test } from 'vitest';
import { evidenceOf } from '../../../packages/backup-verify/src/drill/look-into.ts';
import type { PreparedServer } from '../../../packages/backup-verify/src/drill/restore.ts';
import type { Scratch } from '../../../packages/backup-verify/src/scratch/scratch.ts';
import { formatSummary } from '../../../packages/backup-verify/src/show/summary-text.ts';
import type { DrillReport } from '../../../packages/core/src/restore/drill/drill-report.ts';
import { lsnFromBytes } from '../../../packages/core/src/wal/lsn.ts';
import { timelineOf } from '../backup-restore/archive-answers.ts';

const place = { timeline: timelineOf(1), lsn: lsnFromBytes(0x3000028n) };
const passed = { ok: true, value: 'true', problem: undefined, elapsedMs: 1, evidence: [] };

const scratch = {
  directory: '/scratch/main',
  dataDirectory: '/scratch/main/data',
  logFile: '/scratch/main/server.log',
} as Scratch;
const prepared = {
  programs: '/usr/lib/postgresql/15/bin',
  configFile: '/scratch/main/conf/postgresql.conf',
  door: { socketDirectory: '/scratch/main/s', port: 5432, user: 'postgres' },
} as PreparedServer;

const good: DrillReport = {
  id: '57c9b5c4-a290-4cb4-a4e4-413e1df1d17f',
  ok: true,
  problem: undefined,
  cluster: 'main',
  host: 'drill1',
  program: '0.1.0',
  startedMs: Date.UTC(2026, 10, 21, 16, 8, 56),
  endedMs: Date.UTC(2026, 10, 21, 16, 9, 6),
  archives: [],
  backup: {
    host: 'arch2',
    name: 'data.master.7',
    manifestSha256: undefined,
    start: place,
    stop: place,
    startedMs: 1,
    endedMs: Date.UTC(2026, 10, 21, 16, 8, 39),
    storedBytes: 4_000_000,
    contentBytes: 23 * 2 ** 20,
    serverVersion: '150018',
    systemIdentifier: '7',
  },
  target: 'the end of the WAL',
  recovery: {
    timeline: timelineOf(1),
    lastSegment: undefined,
    expectedSegment: undefined,
    segments: 3,
    replayedLsn: lsnFromBytes(0xc53010n),
    replayedMs: Date.UTC(2026, 10, 21, 16, 8, 42),
  },
  rtoMs: 8_200,
  rpoMs: 14_000,
  phases: { extract: 2_100, replay: 4_000, checks: 1_300 },
  databases: [],
  checks: [{ name: 'manifest', ...passed }],
  warnings: [],
  evidence: undefined,
};

describe('the summary of a drill', () => {
  test('that was good says what was restored, how far, and how long it took', () => {
    expect(formatSummary(good, '/reports/1.json').split('\n')).toEqual([
      'drill of main on drill1: good',
      'backup   data.master.7 of arch2, taken 2026-11-21 16:08:39+00, 23 MiB',
      'replayed to the end of the WAL: 0/C53010 on timeline 1, 3 files, newest commit 2026-11-21 16:08:42+00, 14 s before the drill',
      'time     8 s until it could be used (extract 2 s, replay 4 s); checks 1 s',
      'checks   1 of 1 passed',
      'report   /reports/1.json',
      '',
    ]);
  });

  test('that failed says which check, what it saw, and how to look into it, as the documents show it', () => {
    const failed = { ...passed, name: 'fresh odds', ok: false, problem: 'it gave false', evidence: ['f'] };
    const problem = { code: 'drill_failed', message: 'check "fresh odds" failed', hint: undefined };
    const evidence = evidenceOf(scratch, prepared, 'shop');
    const report = { ...good, ok: false, problem, evidence, checks: [...good.checks, failed] };
    expect(formatSummary(report, undefined).split('\n').slice(4)).toEqual([
      'checks   1 of 2 passed',
      '  failed   fresh odds: it gave false',
      '           f',
      "kept     /scratch/main, until the next drill; server's log /scratch/main/server.log",
      "  $ /usr/lib/postgresql/15/bin/pg_ctl start -D /scratch/main/data -l /scratch/main/server.log -o '-c config_file=/scratch/main/conf/postgresql.conf'",
      '  $ /usr/lib/postgresql/15/bin/psql -h /scratch/main/s -U postgres -d shop',
      '  $ /usr/lib/postgresql/15/bin/pg_ctl stop -D /scratch/main/data',
      '',
    ]);
  });

  test('that could not begin has the problem, and no more than is known', () => {
    const problem = { code: 'host_unreachable', message: 'no archive said what it has', hint: undefined };
    const nothing = { backup: undefined, recovery: undefined, rtoMs: undefined, checks: [] };
    const text = formatSummary({ ...good, ...nothing, ok: false, problem, warnings: ['arch1 did not answer'] }, '/r');
    expect(text).toBe(
      'drill of main on drill1: FAILED\nproblem  no archive said what it has\nwarning  arch1 did not answer\nreport   /r\n',
    );
  });
});
