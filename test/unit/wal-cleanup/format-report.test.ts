import { expect, test } from 'vitest';
import {
  type CleanupReport,
  formatCleanupReport,
  parseCleanupReport,
} from '../../../packages/core/src/backups/cleanup-report.ts';
import { Failure } from '../../../packages/core/src/base/failure.ts';
import { parseArchiveFileName, type SegmentName } from '../../../packages/core/src/wal/archive-file.ts';
import { timelineFromNumber } from '../../../packages/core/src/wal/timeline-id.ts';
import { formatJson, formatOutcome, formatPlans } from '../../../packages/wal-cleanup/src/format-report.ts';
import { nameOf } from '../archive/wal-segment.ts';
import { failureFrom } from '../base/expect-failure.ts';

const named = (number: number) => parseArchiveFileName(nameOf(number)).name as SegmentName;

function report(fields: Partial<CleanupReport> = {}): CleanupReport {
  return {
    host: 'arch1',
    dryRun: false,
    files: 20,
    oldestNeeded: { segment: named(8), host: 'arch2', holder: 'backup data.master.1' },
    removeBelow: 8n,
    timelines: [{ timeline: timelineFromNumber(1)!, files: 7, bytes: 7 * 2 ** 20, first: named(1), last: named(7) }],
    removed: 7,
    ...fields,
  };
}

const refusal = new Failure('cleanup_refused', 'arch2 has no complete base backup of its own', { hint: 'Look there.' });
const failed = { kind: 'failed', name: 'arch2', failure: refusal } as const;

test('the plan says for each host how many files go, how much that is, from where to where, and for whom the rest stays', () => {
  const peer = { kind: 'report', name: 'arch2', report: report({ host: 'arch2', timelines: [] }) } as const;
  expect(formatPlans(report(), peer)).toBe(
    `arch1: 7 of 20 files go, 7.0 MiB; ${nameOf(8)} and later are needed by backup data.master.1 on arch2
  timeline 1: 7 files, 7.0 MiB, ${nameOf(1)} to ${nameOf(7)}
arch2: nothing to remove of 20 files; ${nameOf(8)} and later are needed by backup data.master.1 on arch2
`,
  );
  expect(formatPlans(report(), failed)).toContain(
    'arch2: removes nothing, arch2 has no complete base backup of its own',
  );
});

test('the outcome says what went', () => {
  const peer = { kind: 'report', name: 'arch2', report: report({ host: 'arch2', removed: 5 }) } as const;
  expect(formatOutcome({ here: report(), peer })).toBe('removed 7 files on arch1, 5 files on arch2\n');
  expect(formatOutcome({ here: report(), peer: failed })).toBe('removed 7 files on arch1\n');
  expect(formatOutcome({ here: report({ dryRun: true }), peer })).toBe('');
});

test('the JSON is the one that is documented', () => {
  const here = {
    host: 'arch1',
    files: 20,
    oldestNeeded: { segment: nameOf(8), host: 'arch2', holder: 'backup data.master.1' },
    plan: {
      files: 7,
      bytes: 7 * 2 ** 20,
      timelines: [{ timeline: 1, files: 7, bytes: 7 * 2 ** 20, first: nameOf(1), last: nameOf(7) }],
    },
    removed: 7,
    error: null,
  };
  const common = { format: 1, command: 'wal-cleanup', cluster: 'main', dryRun: false, here };
  const json = (peer: Parameters<typeof formatJson>[0]['peer']) =>
    JSON.parse(formatJson({ here: report(), peer }, 'main', false));
  expect(json({ kind: 'none' })).toEqual({ ...common, peer: null });
  expect(json({ kind: 'report', name: 'arch2', report: report() })).toEqual({ ...common, peer: here });
  const error = { code: 'cleanup_refused', message: refusal.message, hint: 'Look there.' };
  expect(json(failed)).toEqual({ ...common, peer: { host: 'arch2', error } });
});

test('a report crosses the session as it is, and a broken one is refused', async () => {
  expect(parseCleanupReport(formatCleanupReport(report()))).toEqual(report());
  const json = JSON.parse(formatCleanupReport(report()).toString());
  for (const fields of [{ removed: -1 }, { removeBelow: 8 }, { timelines: [{}] }, { oldestNeeded: {} }, { host: 7 }]) {
    await failureFrom('protocol', () => parseCleanupReport(Buffer.from(JSON.stringify({ ...json, ...fields }))));
  }
});
