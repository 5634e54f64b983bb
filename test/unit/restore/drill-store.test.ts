import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { drillToJson } from '../../../packages/core/src/restore/drill/drill-json.ts';
import type { DrillReport } from '../../../packages/core/src/restore/drill/drill-report.ts';
import { DrillStore } from '../../../packages/core/src/restore/drill/drill-store.ts';
import { lsnInSegment, minuteMs, segmentOf, timelineOf } from '../backup-restore/archive-answers.ts';

const place = { timeline: timelineOf(1), lsn: lsnInSegment(3) };

function reportOf(minute: number, change: Partial<DrillReport> = {}): DrillReport {
  return {
    id: `00000000-0000-4000-8000-${String(minute).padStart(12, '0')}`,
    ok: true,
    problem: undefined,
    cluster: 'main',
    host: 'drill1',
    program: '0.1.0',
    startedMs: minuteMs(minute),
    endedMs: minuteMs(minute) + 1000.4,
    archives: [{ name: 'arch1', problem: undefined }],
    backup: {
      host: 'arch1',
      name: 'data.master.7',
      manifestSha256: 'a'.repeat(64),
      start: place,
      stop: place,
      startedMs: minuteMs(0),
      endedMs: minuteMs(1),
      storedBytes: 10,
      contentBytes: 20,
      serverVersion: '150004',
      systemIdentifier: '7',
    },
    target: 'the end of the WAL',
    recovery: {
      timeline: timelineOf(1),
      lastSegment: segmentOf(1, 5),
      expectedSegment: segmentOf(1, 5),
      segments: 3,
      replayedLsn: lsnInSegment(5),
      replayedMs: minuteMs(2),
    },
    rtoMs: 1234.5,
    rpoMs: 0,
    phases: { extract: 1.2, replay: undefined, checks: 3 },
    databases: [{ name: 'shop', sizeBytes: 5, tables: 1 }],
    checks: [{ name: 'a', ok: false, value: '5', problem: 'too small', elapsedMs: 1.5, evidence: ['\u001b[31m5'] }],
    warnings: [],
    evidence: undefined,
    ...change,
  };
}

describe('the JSON of a drill', () => {
  test('has times as text, LSNs as PostgreSQL writes them, null for what is not known, and nothing for a terminal to obey', () => {
    expect(drillToJson(reportOf(10))).toMatchObject({
      format: 1,
      startedAt: '2026-11-21T10:10:00.000Z',
      backup: { start: { timeline: 1, lsn: '0/300028' }, endedAt: '2026-11-21T10:01:00.000Z' },
      recovery: { replayedLsn: '0/500028', newestCommitAt: '2026-11-21T10:02:00.000Z', lastSegment: segmentOf(1, 5) },
      rtoMs: 1235,
      phasesMs: { extract: 1, replay: null, checks: 3 },
      checks: [{ evidence: ['\\x1b[31m5'] }],
      problem: null,
      evidence: null,
    });
    const nothing = { backup: undefined, recovery: undefined, rtoMs: undefined, rpoMs: undefined };
    expect(drillToJson(reportOf(1, nothing))).toMatchObject({ backup: null, recovery: null, rtoMs: null, rpoMs: null });
  });
});

describe('the reports of drills', () => {
  let directory: string;
  let store: DrillStore;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'drills-'));
    store = new DrillStore(join(directory, 'drills/main'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  test('are read again, newest first', async () => {
    for (const minute of [5, 12, 7]) await store.add(reportOf(minute), minuteMs(minute));
    const drills = await store.list();
    expect(drills.map(({ startedMs }) => startedMs)).toEqual([12, 7, 5].map(minuteMs));
    expect(drills[0]).toMatchObject({
      ok: true,
      rtoMs: 1235,
      rpoMs: 0,
      backup: { host: 'arch1', name: 'data.master.7', manifestSha256: 'a'.repeat(64) },
      databases: [{ name: 'shop', sizeBytes: 5 }],
      checks: [{ name: 'a', ok: false, value: '5', problem: 'too small' }],
    });
    expect(await store.list(1)).toHaveLength(1);
  });

  test('are for their owner alone, and a hundred at most', async () => {
    for (let minute = 0; minute < 103; minute += 1) await store.add(reportOf(minute), minuteMs(minute));
    const names = readdirSync(store.directory);
    expect(names).toHaveLength(100);
    expect((await store.list()).at(-1)?.startedMs).toBe(minuteMs(3));
    expect(statSync(store.directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(store.directory, names[0] ?? '')).mode & 0o777).toBe(0o600);
  });

  test('of another version or of nobody are passed over, and no directory is no drill', async () => {
    expect(await store.list()).toEqual([]);
    const path = await store.add(reportOf(1), 0);
    const json = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    writeFileSync(path.replace('T100100Z', 'T100200Z'), JSON.stringify({ ...json, format: 2 }));
    writeFileSync(path.replace('T100100Z', 'T100300Z'), '{');
    writeFileSync(join(store.directory, 'notes.txt'), 'x');
    expect(await store.list()).toHaveLength(1);
  });
});
