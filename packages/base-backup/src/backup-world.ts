import type { Clock } from '@archive2/core/base/clock.ts';
import type { Log } from '@archive2/core/base/log.ts';
import type { Progress } from '@archive2/core/queue/task.ts';
import type { BackupSettings } from './options.ts';

/** What a run has around it. */
export interface BackupWorld {
  settings: BackupSettings;
  environment: Readonly<Record<string, string | undefined>>;
  clock: Clock;
  log: Log;
  /** A person or the system asks us to end. */
  signal: AbortSignal;
  /** Is told how far the backup is, about once a second. */
  onProgress: (progress: Progress) => void;
}
