import { describe, expect, it } from 'vitest';
import { lagOf } from '../../../packages/archive-status/src/derive/archived-wal.ts';
import type { HostLook } from '../../../packages/archive-status/src/derive/cluster-look.ts';
import { coverageOfLooks, coverageReport } from '../../../packages/archive-status/src/derive/coverage.ts';
import { drillsOfQueue } from '../../../packages/archive-status/src/derive/drills.ts';
import type { PrimaryPlace } from '../../../packages/archive-status/src/derive/primary.ts';
import { walReport } from '../../../packages/archive-status/src/derive/wal-report.ts';
import { type Known, known, unknown } from '../../../packages/archive-status/src/model/known.ts';
import { parsePatroniCluster } from '../../../packages/archive-status/src/sources/patroni.ts';
import type { HostSurvey, WalRun } from '../../../packages/core/src/backups/host-survey.ts';
import { parseArchiveFileName, type SegmentName } from '../../../packages/core/src/wal/archive-file.ts';
import { parseLsn } from '../../../packages/core/src/wal/lsn.ts';
import { parseSegmentSize } from '../../../packages/core/src/wal/segment-size.ts';
import { parseSystemIdentifier } from '../../../packages/core/src/wal/system-identifier.ts';
import { parseTimelineId } from '../../../packages/core/src/wal/timeline-id.ts';

const t1 = parseTimelineId('00000001');
const t2 = parseTimelineId('00000002');

function segment(timeline: number, number: number): SegmentName {
  const digits = (value: number) => value.toString(16).toUpperCase().padStart(8, '0');
  return parseArchiveFileName(`${digits(timeline)}00000000${digits(number)}`).name as SegmentName;
}

/** Segments from one number to another, each written in the second of its number. */
function run(timeline: typeof t1, from: number, to: number): WalRun {
  const [first, last] = [segment(timeline, from), segment(timeline, to)];
  return { timeline, from: first, to: last, count: to - from + 1, fromMs: from * 1000, toMs: to * 1000 };
}

function survey(host: string, wal: readonly WalRun[], change: Partial<HostSurvey> = {}): HostSurvey {
  return {
    host,
    nowMs: 1_000_000,
    program: '0.1.0',
    storeId: host,
    cluster: 'main',
    identity: {
      systemIdentifier: parseSystemIdentifier('7710547627397989049'),
      segmentSize: parseSegmentSize(2 ** 24),
      postgresMajor: 15,
    },
    backups: [],
    wal,
    descents: [],
    accepted: [],
    debts: { count: 0, oldestMs: undefined },
    disk: { freeBytes: 1, totalBytes: 2, freeInodes: 3 },
    quarantined: 0,
    pins: [],
    lastCleanupMs: undefined,
    lastSync: undefined,
    problems: [],
    ...change,
  };
}

function look(name: string, cell: Known<HostSurvey>): HostLook {
  return { name, isLocal: false, answeredAtMs: 1_000_040, tookMs: 40, survey: cell, events: known([]) };
}

function primaryAt(timeline: number, lsn: string): Known<PrimaryPlace> {
  return known({ server: 'db1:5432', timeline, lsn: parseLsn(lsn) });
}

describe('lag', () => {
  const wal = [run(t1, 1, 4)];

  it('counts the finished segments that lack, and bytes up to where the primary writes', () => {
    expect(lagOf(survey('arch1', wal), primaryAt(1, '0/5000000'))).toEqual(known({ segments: 0, bytes: 0 }));
    expect(lagOf(survey('arch1', wal), primaryAt(1, '0/5000010'))).toEqual(known({ segments: 0, bytes: 16 }));
    expect(lagOf(survey('arch1', wal), primaryAt(1, '0/7000010'))).toEqual(
      known({ segments: 2, bytes: 2 * 2 ** 24 + 16 }),
    );
  });

  it('is none when the archive is ahead of what the primary said', () => {
    expect(lagOf(survey('arch1', wal), primaryAt(1, '0/3000010'))).toEqual(known({ segments: 0, bytes: 0 }));
  });

  it('after a promotion counts the old timeline up to where it was left', () => {
    const ancestors = [{ timeline: t1, switchLsn: parseLsn('0/3000100'), reason: '' }];
    const descents = [{ timeline: t2, ancestors }];
    // The old timeline went on to segment 4; the new one left it in segment 3.
    const lag = lagOf(survey('arch1', wal, { descents }), primaryAt(2, '0/5000100'));
    expect(lag).toEqual(known({ segments: 2, bytes: 2 * 2 ** 24 }));
  });

  it('is not known before the new timeline’s history is archived, nor in an empty archive', () => {
    expect(lagOf(survey('arch1', wal), primaryAt(2, '0/5000100')).known).toBe(false);
    expect(lagOf(survey('arch1', []), primaryAt(1, '0/5000100')).known).toBe(false);
    expect(lagOf(survey('arch1', wal), unknown('no primary')).known).toBe(false);
  });
});

describe('the archived WAL of both hosts', () => {
  const ofHosts = (...hosts: HostLook[]) => walReport(hosts, coverageOfLooks(hosts), primaryAt(1, '0/9000010'));

  it('is behind by what no host has, and has single copies and holes', () => {
    const wal = ofHosts(
      look('arch1', known(survey('a', [run(t1, 1, 3), run(t1, 6, 8)]))),
      look('arch2', known(survey('b', [run(t1, 1, 4), run(t1, 6, 7)]))),
    );
    expect(wal).toMatchObject({
      newest: { value: { name: segment(1, 8), timeline: 1, endLsn: '0/9000000' } },
      lag: { value: { segments: 0, bytes: 16 } },
      holes: { value: [{ from: segment(1, 5), to: segment(1, 5), count: 1, fromAtMs: 4000, toAtMs: 6000 }] },
    });
    expect(wal.singleCopies).toMatchObject({
      value: [
        { host: 'arch2', from: segment(1, 4), count: 1, fromAtMs: 4000 },
        { host: 'arch1', from: segment(1, 8), count: 1, toAtMs: 8000 },
      ],
    });
  });

  it('does not know of single copies and holes while a host is silent, but of the newest segment', () => {
    const wal = ofHosts(look('arch1', known(survey('a', [run(t1, 1, 3)]))), look('arch2', unknown('arch2 is away')));
    expect(wal).toMatchObject({
      newest: { known: true },
      lag: { known: true },
      singleCopies: { known: false, reason: 'arch2 is away' },
      holes: { known: false, reason: 'arch2 is away' },
    });
  });

  it('is not known while both are silent', () => {
    const hosts = [look('arch1', unknown('arch1 is away')), look('arch2', unknown('arch2 is away'))];
    const wal = ofHosts(...hosts);
    for (const cell of Object.values(wal) as Known<unknown>[]) {
      expect(cell).toEqual(unknown('arch1 is away; arch2 is away'));
    }
    expect(coverageOfLooks(hosts).known).toBe(false);
  });
});

describe('coverage', () => {
  it('has ranges, and says what cannot be restored and whether a host may have more', () => {
    const place = (lsn: string) => ({ timeline: t1, lsn: parseLsn(lsn) });
    const backup = (number: number, lsn: string, endedMs: number): HostSurvey['backups'][number] => ({
      name: `data.master.${number}`,
      number,
      state: 'complete',
      problem: undefined,
      start: place(lsn),
      stop: place(lsn),
      startedMs: endedMs - 100,
      endedMs,
      sizeBytes: 1,
      sourceBytes: 2,
      fileCount: 3,
      serverVersion: 150_004,
      manifestSha256: `${number}`,
      parent: undefined,
      files: [],
    });
    const backups = [
      backup(1, '0/2000028', 2500),
      { ...backup(2, '0/6000028', 6500), problem: 'it is of another cluster' },
    ];
    const found = survey('a', [run(t1, 2, 4), run(t1, 6, 8)], { backups });
    const coverage = coverageOfLooks([look('arch1', known(found)), look('arch2', unknown('away'))]);
    if (!coverage.known) throw new Error(coverage.reason);
    expect(coverageReport(coverage.value)).toMatchObject({
      isWhole: false,
      ranges: [
        {
          backup: 'data.master.1',
          hosts: ['arch1'],
          fromAtMs: 2500,
          toAtMs: 4000,
          toLsn: '0/5000000',
          missing: { from: segment(1, 5), count: 1 },
        },
      ],
      unusable: [{ name: 'data.master.2', hosts: ['arch1'], problem: 'it is of another cluster' }],
    });
  });
});

describe('drills in the queue', () => {
  it('have their figures and checks in the details', () => {
    const [drill] = drillsOfQueue([
      {
        id: 'x',
        taskId: undefined,
        cluster: 'main',
        host: 'drill1',
        name: 'data.master.7',
        method: 'restore',
        startedAtMs: 1,
        endedAtMs: 2,
        ok: false,
        error: 'a check failed',
        details: { rtoMs: 40, from: 'arch1', target: 'the end', 'check odds': 'FAILED: empty', 'check users': '12' },
      },
    ]);
    expect(drill).toMatchObject({
      from: 'arch1',
      rtoMs: 40,
      rpoMs: null,
      checks: [
        { name: 'odds', ok: false, detail: 'empty' },
        { name: 'users', ok: true, detail: '12' },
      ],
    });
  });
});

describe('Patroni’s answer', () => {
  const member = (name: string, role: string) => ({
    name,
    role,
    state: 'running',
    host: '10.0.0.1',
    port: 5432,
    timeline: 3,
  });

  it('names the leader, whatever its release calls it', () => {
    for (const role of ['leader', 'master', 'primary']) {
      const text = JSON.stringify({ members: [member('db2', 'replica'), member('db1', role)], pause: true });
      expect(parsePatroniCluster(text)).toMatchObject({
        leader: 'db1',
        isPaused: true,
        members: [{ name: 'db2' }, { name: 'db1' }],
      });
    }
  });

  it('has no leader in a cluster without one', () => {
    expect(parsePatroniCluster(JSON.stringify({ members: [member('db2', 'replica')] }))).toMatchObject({
      leader: null,
    });
    expect(parsePatroniCluster('{"members":[]}')).toEqual({ leader: null, isPaused: false, members: [] });
  });

  it('is nothing else', () => {
    for (const text of ['', '[]', 'null', '{}', '<html>']) expect(() => parsePatroniCluster(text)).toThrow();
  });
});
