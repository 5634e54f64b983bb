import type { StatusReport } from '../model/status-report.ts';
import type { WatchedCluster } from '../settings/watched-cluster.ts';

/** Asks all sources of the configured clusters, as often as it is called; connections are kept between two calls. */
export interface StatusGatherer {
  /** As configured; the report has its clusters in this order. */
  readonly clusters: readonly WatchedCluster[];
  /**
   * One look at everything, all sources at once. Resolves by `--timeout` (2 s by default), whatever hangs: what did not answer in time is
   * unknown in the report. Never rejects because of a source. Calls at the same time share one look.
   */
  gather(): Promise<StatusReport>;
  /** Ends connections. No call may follow. */
  close(): Promise<void>;
}
