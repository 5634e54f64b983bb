import type { Clock } from '@archive2/core/base/clock.ts';
import type { Log } from '@archive2/core/base/log.ts';
import type { Progress } from '@archive2/core/queue/task.ts';

/** What a drill has around it. */
export interface DrillWorld {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
  /** A person or the system asks us to end. */
  readonly signal: AbortSignal;
  /** Is told how far the extraction is. */
  readonly onProgress: (progress: Progress) => void;
  /** Is told what is being done. */
  readonly onPhase: (text: string) => void;
}
