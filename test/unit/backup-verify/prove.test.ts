import { describe, expect, test } from 'vitest';
import type { ExpectedEnd } from '../../../packages/backup-verify/src/choose/expected-end.ts';
import { describeFailedChecks, isOfTheBackup } from '../../../packages/backup-verify/src/drill/drill-problem.ts';
import {
  proveDatabases,
  proveEnd,
  proveFreshness,
  proveIdentity,
  proveNotEmpty,
  proveSizes,
} from '../../../packages/backup-verify/src/drill/prove.ts';
import type { RecordedDrill } from '../../../packages/core/src/restore/drill/drill-store.ts';
import { emptyStory } from '../../../packages/core/src/restore/server/recovery-log.ts';
import { lsnInSegment, segmentOf } from '../backup-restore/archive-answers.ts';

const mebibyte = 2 ** 20;

describe('the identity', () => {
  test('must be one and the same everywhere, and the one that a person named', () => {
    const same = { extracted: '7', running: '7' };
    expect(proveIdentity(same, '7', undefined)).toMatchObject({ ok: true, value: '7' });
    expect(proveIdentity(same, '7', '8')).toMatchObject({ ok: false, value: '7' });
    expect(proveIdentity({ extracted: '7', running: '8' }, '7', undefined)).toMatchObject({ ok: false, value: '8' });
    expect(proveIdentity(same, '8', undefined)).toMatchObject({ ok: false });
  });
});

describe('the end of the recovery', () => {
  const expected = (last: string | undefined) => ({ reach: { last } }) as unknown as ExpectedEnd;
  const story = { ...emptyStory, redoStartLsn: lsnInSegment(1), lastRestored: segmentOf(1, 5) };
  const latest = { kind: 'latest' } as const;

  test('is at or after what the archives had', () => {
    expect(proveEnd(story, latest, expected(segmentOf(1, 5)))).toMatchObject({ ok: true });
    expect(proveEnd(story, latest, expected(segmentOf(1, 4)))).toMatchObject({ ok: true });
    expect(proveEnd({ ...story, lastRestored: segmentOf(2, 5) }, latest, expected(segmentOf(2, 5)))).toMatchObject({
      ok: true,
    });
    expect(proveEnd({ ...story, lastRestored: undefined }, latest, expected(undefined))).toMatchObject({ ok: true });
  });

  test('short of it fails, with PostgreSQL’s reason', () => {
    const short = { ...story, endOfWal: 'invalid record length at 0/500028' };
    const found = proveEnd(short, latest, expected(segmentOf(1, 6)));
    expect(found).toMatchObject({ ok: false, problem: expect.stringContaining('invalid record length') });
    expect(found.problem).toContain(segmentOf(1, 6));
    expect(proveEnd(story, latest, expected(segmentOf(2, 3)))).toMatchObject({ ok: false });
    expect(proveEnd({ ...story, lastRestored: undefined }, latest, expected(segmentOf(1, 1)))).toMatchObject({
      ok: false,
    });
    expect(proveEnd(emptyStory, latest, expected(undefined))).toMatchObject({
      ok: false,
      problem: 'nothing was replayed',
    });
  });

  test('of another target is where PostgreSQL says that it stopped', () => {
    const target = { kind: 'lsn', lsn: lsnInSegment(3), inclusive: true } as const;
    expect(proveEnd(story, target, expected(segmentOf(1, 9)))).toMatchObject({ ok: false });
    const stopped = { ...story, stoppedAt: 'after WAL location (LSN) "0/300028"' };
    expect(proveEnd(stopped, target, expected(segmentOf(1, 9)))).toMatchObject({ ok: true });
  });
});

describe('the data', () => {
  const database = (name: string, sizeMb: number, tables = 1, problem?: string) => ({
    name,
    sizeBytes: sizeMb * mebibyte,
    tables,
    estimatedRows: undefined,
    problem,
  });
  const cluster = (...databases: ReturnType<typeof database>[]) => ({
    databases,
    systemIdentifier: '7',
    serverVersion: '15.4',
  });
  const past = (ok: boolean, ...databases: ReturnType<typeof database>[]) =>
    ({ ok, databases, startedMs: Date.UTC(2026, 10, 20) }) as unknown as RecordedDrill;

  test('may be as old as is allowed, and of unknown age only where any age is', () => {
    expect(proveFreshness(59_000, 60_000)).toMatchObject({ ok: true, value: '59 s old' });
    expect(proveFreshness(61_000, 60_000)).toMatchObject({
      ok: false,
      problem: expect.stringContaining('at most 1 min'),
    });
    expect(proveFreshness(10 ** 12, undefined)).toMatchObject({ ok: true });
    expect(proveFreshness(undefined, 60_000)).toMatchObject({ ok: false });
    expect(proveFreshness(undefined, undefined)).toMatchObject({ ok: true });
  });

  test('must be readable, and there', () => {
    expect(proveDatabases(cluster(database('shop', 1)))).toMatchObject({ ok: true });
    const broken = proveDatabases(cluster(database('shop', 1), database('odds', 1, 0, 'could not open file')));
    expect(broken).toMatchObject({ ok: false, problem: 'odds: could not open file', value: '1 of 2 not readable' });
    expect(proveNotEmpty(cluster(database('postgres', 7, 0)), false)).toMatchObject({ ok: false });
    expect(proveNotEmpty(cluster(database('postgres', 7, 0)), true)).toMatchObject({ ok: true });
    expect(proveNotEmpty(cluster(database('postgres', 7, 0), database('shop', 7)), false)).toMatchObject({ ok: true });
  });

  test('must be about as much as in the last good drill', () => {
    const now = cluster(database('shop', 60), database('new', 1));
    expect(proveSizes(now, [], 0.5)).toMatchObject({ ok: true });
    expect(proveSizes(now, [past(true, database('shop', 100))], 0.5)).toMatchObject({ ok: true });
    expect(proveSizes(now, [past(true, database('shop', 130))], 0.5)).toMatchObject({ ok: false });
    expect(proveSizes(now, [past(true, database('shop', 130))], 0)).toMatchObject({ ok: true });
    expect(proveSizes(now, [past(true, database('odds', 1))], 0.5)).toMatchObject({
      ok: false,
      problem: expect.stringContaining('database odds is gone since the drill of 2026-11-20'),
    });
    // A failed drill says nothing of how much there should be.
    expect(proveSizes(now, [past(false, database('odds', 1)), past(true, database('shop', 60))], 0.5)).toMatchObject({
      ok: true,
    });
  });
});

describe('a drill', () => {
  test('failed when a check did, and says which', () => {
    const check = { value: undefined, elapsedMs: 0, evidence: [] };
    expect(describeFailedChecks([{ ...check, name: 'a', ok: true, problem: undefined }])).toBeUndefined();
    const failed = ['b', 'c'].map((name) => ({ ...check, name, ok: false, problem: `no ${name}` }));
    expect(describeFailedChecks(failed)).toMatchObject({
      code: 'drill_failed',
      message: 'check "b" failed: no b (and 1 more)',
    });
  });

  test.each([
    ['restore_failed', true],
    ['backup_damaged', true],
    ['wrong_cluster', true],
    ['host_unreachable', false],
    ['disk_full', false],
    ['interrupted', false],
    ['internal', false],
  ] as const)('that ends with %s blames the backup: %s', (code, blames) => {
    expect(isOfTheBackup({ code })).toBe(blames);
  });
});
