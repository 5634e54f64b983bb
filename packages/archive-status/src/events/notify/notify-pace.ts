/** How often a command is run, in milliseconds. */
export interface NotifyPace {
  /** After the first event of a batch: what belongs to it comes in the same moment. */
  settleMs: number;
  /** At least, between two runs. */
  everyMs: number;
}

const retryDelaysMs = [5_000, 15_000, 60_000, 180_000, 600_000] as const;

/** When the command is to be run, on the clock of its arguments. Pure. */
export function dueAtMs(pace: NotifyPace, firstEventMs: number, lastRunMs: number, failures: number): number {
  const retryMs = failures === 0 ? pace.everyMs : (retryDelaysMs[failures - 1] ?? retryDelaysMs.at(-1) ?? 0);
  return Math.max(firstEventMs + pace.settleMs, lastRunMs + retryMs);
}
