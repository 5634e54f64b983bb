import type { CommandSpec } from '@archive2/core/cli/command-spec.ts';
import { optionalText } from '@archive2/core/cli/option-values.ts';
import { judgeCluster, type Verdict } from '../check/judge-cluster.ts';
import { rules } from '../check/rules.ts';
import type { StatusReport } from '../model/status-report.ts';
import { thresholdOptions } from '../settings/thresholds.ts';
import { listOf, type WatchedCluster } from '../settings/watched-cluster.ts';

/** What is judged, and how strictly. */
export const selectionOptions: CommandSpec['options'] = {
  only: {
    type: 'string',
    describe: `the rules that count, with commas, of ${rules.map(({ name }) => name).join(' ')}`,
  },
  skip: { type: 'string', describe: 'rules that do not, besides those of the file' },
  ...thresholdOptions,
};

/** The verdicts on the clusters of a report, in its order. Throws Failure `usage` for rules that are none. */
export function judgeReport(
  report: StatusReport,
  clusters: readonly WatchedCluster[],
  options: Record<string, unknown> = {},
): Verdict[] {
  const only = optionalText(options, 'only');
  const skip = listOf(optionalText(options, 'skip') ?? '');
  return report.clusters.flatMap((cluster, index) => {
    const watched = clusters[index];
    if (watched === undefined) return [];
    const selection = { only: only === undefined ? undefined : listOf(only), skip: [...watched.skip, ...skip] };
    return [judgeCluster(cluster, { nowMs: report.generatedAtMs, thresholds: watched.thresholds }, selection)];
  });
}
