import type { ClusterRecord } from '@archive2/core/archive/identity.ts';
import type { CleanupReport } from '@archive2/core/backups/cleanup-report.ts';
import type { Protection } from '@archive2/core/backups/protection.ts';
import type { Clock } from '@archive2/core/base/clock.ts';
import type { Log } from '@archive2/core/base/log.ts';
import type { CleanupOptions } from './options.ts';
import type { PeerResult } from './outcome.ts';

/** One run: what it was told, and the world it acts in. */
export interface CleanupWorld {
  options: CleanupOptions;
  record: ClusterRecord;
  /** What the command line says is needed, besides what the hosts find. */
  alsoProtected: readonly Protection[];
  /** Shows both plans before anything is removed. */
  announce: (here: CleanupReport, peer: PeerResult) => Promise<void>;
  clock: Clock;
  log: Log;
}
