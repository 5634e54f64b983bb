import type { Clock } from '@archive2/core/base/clock.ts';
import type { Log } from '@archive2/core/base/log.ts';

/** What a restore needs of its surroundings. */
export interface RestoreWorld {
  readonly clock: Clock;
  readonly log: Log;
  /** Aborted, with the reason, when a signal asks us to end. */
  readonly signal: AbortSignal;
  /** Of the account that owns the restored server. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}
