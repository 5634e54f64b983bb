import type { ClusterReport, StatusReport } from '@archive2/archive-status/model/status-report.ts';
import type { Judge, Verdict } from '@archive2/archive-status/serve/judge.ts';
import { emptyAnswers, rememberAnswers } from '@archive2/archive-status/serve/keep/last-answers.ts';
import type { View } from '@archive2/archive-status/serve/page/view.ts';
import { madeUpReport, NOW_MS } from './made-up-report.ts';

/** As the check would, with findings of one rule. */
export const plainJudge: Judge = ({ clusters }) =>
  clusters.map((cluster) => {
    const { level, reasons } = plainVerdict(cluster);
    const findings = reasons.length === 0 ? [{ level, text: 'all is well', rules: [] as string[] }] : reasons;
    return {
      cluster: cluster.cluster,
      level,
      findings: findings.map((one) => ({ ...one, rule: one.rules[0] ?? 'made-up', counts: true })),
    };
  });

/** A judge for pages: by what makes it obvious in the made-up clusters. */
function plainVerdict(cluster: ClusterReport): Verdict {
  const rules = new Map([['backup', 'ok' as const]]);
  if (!cluster.coverage.known) {
    return {
      level: 'unknown',
      rules,
      reasons: [
        {
          level: 'unknown',
          text: `what can be restored is not known: ${cluster.coverage.reason}`,
          rules: ['coverage'],
        },
      ],
    };
  }
  if (cluster.wal.holes.known && cluster.wal.holes.value.length > 0) {
    return {
      level: 'critical',
      rules,
      reasons: [
        {
          level: 'critical',
          text: 'archive_command has been failing for 12 min at 000000020000000B00000012',
          rules: ['archiver'],
        },
        { level: 'critical', text: '4 segments from 000000010000000A000000F0 are on no host', rules: ['holes'] },
        {
          level: 'critical',
          text: 'the drill of data.master.16 on arch1 failed: the server did not reach its target',
          rules: ['drill'],
        },
        { level: 'warning', text: '538 segments are on arch1 only, the oldest for 9 h', rules: ['copies'] },
        { level: 'unknown', text: 'arch2 does not answer: connect timed out after 3 s', rules: ['hosts'] },
      ],
    };
  }
  return { level: 'ok', reasons: [], rules };
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
    verdictOf: plainVerdict,
    ...change,
  };
}
