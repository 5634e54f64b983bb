import { array, assert, oneof, property, string } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { explainFailure, explainStall } from '../../../packages/core/src/restore/server/explain-failure.ts';
import {
  emptyStory,
  parseServerTime,
  type RecoveryStory,
  tellLine,
} from '../../../packages/core/src/restore/server/recovery-log.ts';
import { ReplayPace } from '../../../packages/core/src/restore/server/replay-progress.ts';
import { parseServerStatus } from '../../../packages/core/src/restore/server/start-server.ts';
import type { Lsn } from '../../../packages/core/src/wal/lsn.ts';

const tell = (...lines: string[]): RecoveryStory => lines.reduce(tellLine, emptyStory);
const at = '2026-11-21 10:07:21.916 UTC [4711] ';

describe('the log of a recovery', () => {
  test('tells its course', () => {
    const story = tell(
      `${at}LOG:  starting archive recovery`,
      `${at}LOG:  restored log file "00000002.history" from archive`,
      `${at}LOG:  restored log file "000000010000000000000003" from archive`,
      `${at}LOG:  redo starts at 0/3000028`,
      `${at}LOG:  consistent recovery state reached at 0/3000100`,
      `${at}LOG:  restored log file "000000020000000000000004" from archive`,
      `${at}LOG:  invalid record length at 0/4000060: wanted 24, got 0`,
      `${at}LOG:  redo done at 0/4000028 system usage: CPU: user: 0.00 s, system: 0.00 s, elapsed: 0.03 s`,
      `${at}LOG:  last completed transaction was at log time 2026-11-21 10:07:20.5+00`,
      `${at}LOG:  restored log file "00000002.history" from archive`,
      `${at}LOG:  selected new timeline ID: 3`,
      `${at}LOG:  archive recovery complete`,
      `${at}LOG:  database system is ready to accept connections`,
    );
    expect(story).toMatchObject({
      lastRestored: '000000020000000000000004',
      restoredCount: 4,
      redoStartLsn: 0x3000028n,
      consistentLsn: 0x3000100n,
      redoDoneLsn: 0x4000028n,
      lastTransactionMs: Date.UTC(2026, 10, 21, 10, 7, 20, 500),
      newTimeline: 3,
      isComplete: true,
      acceptsConnections: true,
      endOfWal: 'invalid record length at 0/4000060: wanted 24, got 0',
      fatal: [],
    });
  });

  test('tells what is wrong, with details, and what restore_cmd has said', () => {
    const story = tell(
      'error: hole: 000000010000000000000005 is missing',
      'hint: Look at the other host.',
      `${at}FATAL:  could not restore file "000000010000000000000005" from archive: command not executable`,
      `${at}LOG:  startup process (PID 12) exited with exit code 1`,
    );
    expect(story.fatal).toEqual([
      'could not restore file "000000010000000000000005" from archive: command not executable',
    ]);
    expect(story.programs).toHaveLength(2);
    expect(tell(`${at}PANIC:  a`, `${at}DETAIL:  b`).fatal).toEqual(['a (b)']);
  });

  test('is bounded, whatever is in it', () => {
    const line = oneof(
      string(),
      string().map((text) => `FATAL:  ${text}`),
      string().map((text) => `error: ${text}`),
    );
    assert(
      property(array(line, { maxLength: 60 }), (lines) => {
        const { fatal, programs, configuration } = tell(...lines);
        for (const kept of [fatal, programs, configuration]) expect(kept.length).toBeLessThanOrEqual(12);
      }),
    );
  });

  test.each([
    ['2026-11-21 10:07:21.123456+00', Date.UTC(2026, 10, 21, 10, 7, 21, 123)],
    ['2026-11-21 10:07:21+05:30', Date.UTC(2026, 10, 21, 4, 37, 21)],
    ['2026-11-21 10:07:21.5 UTC', Date.UTC(2026, 10, 21, 10, 7, 21, 500)],
    ['2026-11-21 10:07:21 CET', undefined],
    ['yesterday', undefined],
  ])('has the time %s', (text, expected) => {
    expect(parseServerTime(text)).toBe(expected);
  });
});

describe('a server that ended', () => {
  const end = { status: 1, description: 'status 1' };
  test.each([
    ['could not restore file "X" from archive: command not executable', 'could not say whether there is X'],
    ['recovery ended before configured recovery target was reached', 'the WAL ended before the target'],
    ["requested timeline 4 is not a child of this server's history", 'timeline 4 does not come from'],
    ['WAL ends before end of online backup', 'before the backup became consistent'],
    ['could not locate required checkpoint record', 'with which the recovery begins'],
    ['could not access file "timescaledb": No such file or directory', 'the library timescaledb'],
    ['could not write to file: No space left on device', 'the disk is full'],
    ['something new', 'the server stopped: something new'],
  ])('for %j says so, with PostgreSQL’s words', (fatal, expected) => {
    const failure = explainFailure(tell(`${at}FATAL:  ${fatal}`), end, '/scratch/log');
    expect(failure).toMatchObject({ code: 'restore_failed', details: { log: '/scratch/log' } });
    expect(failure.message).toContain(expected);
    expect(failure.message).toContain(fatal);
  });

  test('without a word is told by its status, and one that stands still by what it waits for', () => {
    expect(explainFailure(emptyStory, end, '/l').message).toContain('status 1, and its log does not say why');
    expect(explainStall(emptyStory, 61_000, '/l').message).toContain(
      'did not move for 61 s; it waits for the first WAL',
    );
    const story = tell(
      `${at}LOG:  restored log file "000000010000000000000003" from archive`,
      'error: arch1 does not answer',
    );
    expect(explainStall(story, 1000, '/l').message).toContain(
      'after 000000010000000000000003 (error: arch1 does not answer)',
    );
  });
});

describe('the pace of a replay', () => {
  const lsn = (position: number) => BigInt(position) as Lsn;

  test('is that of the last half minute, and gives the time that is left', () => {
    const pace = new ReplayPace();
    expect(pace.bytesPerSecond(0)).toBeUndefined();
    pace.add({ atMs: 0, lsn: lsn(0) });
    expect(pace.remainingMs(1000, lsn(10))).toBeUndefined();
    pace.add({ atMs: 10_000, lsn: lsn(1_000_000) });
    expect(pace.bytesPerSecond(10_000)).toBe(100_000);
    expect(pace.remainingMs(10_000, lsn(2_000_000))).toBe(10_000);
    expect(pace.remainingMs(10_000, lsn(1))).toBe(0);
    for (let second = 11; second <= 100; second += 1) pace.add({ atMs: second * 1000, lsn: lsn(1_000_000 + second) });
    expect(pace.bytesPerSecond(100_000)).toBeLessThan(2);
  });

  test('does not count a position that is no progress', () => {
    const pace = new ReplayPace();
    pace.add({ atMs: 0, lsn: lsn(5) });
    pace.add({ atMs: 1000, lsn: lsn(5) });
    expect(pace.bytesPerSecond(1000)).toBeUndefined();
  });
});

test('postmaster.pid says what the server is at', () => {
  const file = (status: string) => `4711\n/data\n1795255641\n5432\n/s\n\n  1234  5\n${status}\n`;
  expect(
    ['ready   ', 'standby ', 'starting', 'stopping', 'other'].map((status) => parseServerStatus(file(status))),
  ).toEqual(['ready', 'standby', 'starting', 'stopping', undefined]);
  expect(parseServerStatus(undefined)).toBeUndefined();
});
