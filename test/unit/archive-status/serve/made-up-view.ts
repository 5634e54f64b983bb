import type { ClusterReport, StatusReport } from '@archive2/archive-status/model/status-report.ts';
import { emptyAnswers, rememberAnswers } from '@archive2/archive-status/serve/keep/last-answers.ts';
import type { View } from '@archive2/archive-status/serve/page/view.ts';
import type { Verdict } from '@archive2/archive-status/serve/verdict.ts';
import { madeUpReport, NOW_MS } from './made-up-report.ts';

/** A judge for pages: by what makes it obvious in the made-up clusters. */
export function plainJudge(cluster: ClusterReport): Verdict {
  if (!cluster.coverage.known) {
    return {
      level: 'unknown',
      reasons: [{ level: 'unknown', text: `what can be restored is not known: ${cluster.coverage.reason}` }],
    };
  }
  if (cluster.wal.holes.known && cluster.wal.holes.value.length > 0) {
    return {
      level: 'critical',
      reasons: [
        { level: 'critical', text: 'archive_command has been failing for 12 min at 000000020000000B00000012' },
        { level: 'critical', text: '4 segments from 000000010000000A000000F0 are on no host' },
        { level: 'critical', text: 'the drill of data.master.16 on arch1 failed: the server did not reach its target' },
        { level: 'warning', text: '538 segments are on arch1 only, the oldest for 9 h' },
        { level: 'unknown', text: 'arch2 does not answer: connect timed out after 3 s' },
      ],
    };
  }
  return { level: 'ok', reasons: [] };
}

export function madeUpView(clusters: readonly ClusterReport[], change: Partial<View> = {}): View {
  const report: StatusReport = madeUpReport(clusters);
  return {
    report,
    nowMs: NOW_MS + 3000,
    timeZone: 'UTC',
    ageMs: 3000,
    isStale: false,
    failure: undefined,
    answers: rememberAnswers(emptyAnswers, report),
    verdictOf: plainJudge,
    ...change,
  };
}
