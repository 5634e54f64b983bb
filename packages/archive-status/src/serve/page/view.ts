import type { ClusterReport, StatusReport } from '../../model/status-report.ts';
import type { Verdict } from '../judge.ts';
import type { Answers } from '../keep/last-answers.ts';

/** What a page is made of: a report, how old it is, and now. */
export interface View {
  readonly report: StatusReport;
  readonly nowMs: number;
  readonly timeZone: string;
  readonly ageMs: number;
  readonly isStale: boolean;
  /** Why the newest gathering failed. */
  readonly failure: string | undefined;
  readonly answers: Answers;
  readonly verdictOf: (cluster: ClusterReport) => Verdict;
}
