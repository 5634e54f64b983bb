import type { CleanupReport } from '@archive2/core/backups/cleanup-report.ts';
import type { Failure } from '@archive2/core/base/failure.ts';

/** What the peer plans, has done, or why it does nothing. */
export type PeerResult =
  | { kind: 'none' }
  | { kind: 'report'; name: string; report: CleanupReport }
  | { kind: 'failed'; name: string; failure: Failure };

export interface Outcome {
  here: CleanupReport;
  peer: PeerResult;
}
