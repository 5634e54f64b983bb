import type { WalStore } from '@archive2/core/archive/wal-store.ts';
import type { Clock } from '@archive2/core/base/clock.ts';
import type { Log } from '@archive2/core/base/log.ts';
import type { RateLimit } from '@archive2/core/base/rate-limit.ts';
import type { ArchiveSession } from '@archive2/core/hosts/archive-session.ts';
import type { Progress } from './progress.ts';
import type { SyncReport } from './report.ts';

/** One run of a sync: the two archives, and what is known so far. */
export interface SyncRun {
  store: WalStore;
  session: ArchiveSession;
  dryRun: boolean;
  checksum: boolean;
  scrubDays: number;
  rate: RateLimit;
  clock: Clock;
  log: Log;
  progress: Progress;
  report: SyncReport;
}
