/**
 * What an operator told a delayed standby, beside the delay itself. Times are those of the WAL files: when the primary last wrote to
 * one, as the archive keeps it.
 */
export interface DelayControl {
  /** As the standby was called by, for people. */
  dataDirectory: string;
  delayMs: number;
  /**
   * `normal`: files wait until they are as old as the delay. `paused`: nothing newer is delivered. `released`: what was written up to
   * a moment is delivered at once, and one segment more, which contains it; then nothing newer.
   */
  mode: 'normal' | 'paused' | 'released';
  /** When this mode began. */
  sinceMs: number;
  /** What was written up to here is delivered in any mode: the standby may have it, and needs it again when it is restarted. */
  grantedMs: number;
  /** The segment beyond it that was delivered because it contains the moment of a release. */
  last?: { name: string; modifiedMs: number };
}

/** `deliver_as_last`: the segment that contains the moment of a release; to be noted before it is delivered. */
export type DelayVerdict = 'deliver' | 'deliver_as_last' | 'wait';

/** A standby with a delay that nobody has touched yet. */
export function newControl(dataDirectory: string, delayMs: number, nowMs: number): DelayControl {
  return { dataDirectory, delayMs, mode: 'normal', sinceMs: nowMs, grantedMs: 0 };
}

/** What was written up to here is delivered now. Pure. */
export function horizonMs({ mode, delayMs, grantedMs }: DelayControl, nowMs: number): number {
  return mode === 'normal' ? Math.max(nowMs - delayMs, grantedMs) : grantedMs;
}

/** Whether a segment is delivered now. They are asked for in their order. Pure. */
export function judgeSegment(
  control: DelayControl,
  segment: { name: string; modifiedMs: number },
  nowMs: number,
): DelayVerdict {
  const { mode, last } = control;
  if (segment.modifiedMs <= horizonMs(control, nowMs) || segment.name === last?.name) return 'deliver';
  return mode === 'released' && last === undefined ? 'deliver_as_last' : 'wait';
}

/**
 * Stops what is delivered at what was due until now. In the middle of a release that is what the delay alone would have delivered, or
 * what was delivered before the release began.
 */
export function pauseDelay(control: DelayControl, nowMs: number): DelayControl {
  if (control.mode === 'paused') return control;
  const dueMs = nowMs - control.delayMs;
  const grantedMs = control.mode === 'released' ? dueMs : Math.max(dueMs, control.grantedMs);
  return { ...control, mode: 'paused', sinceMs: nowMs, grantedMs };
}

/** The normal delay again. What was delivered in a release stays delivered. */
export function resumeDelay(control: DelayControl, nowMs: number): DelayControl {
  return control.mode === 'normal' ? control : { ...control, mode: 'normal', sinceMs: nowMs };
}

/**
 * Delivers without delay what was written up to a moment, and the segment that contains it. Undefined when the moment has passed: the
 * standby may have replayed more already.
 */
export function releaseDelay(control: DelayControl, untilMs: number, nowMs: number): DelayControl | undefined {
  if (untilMs < horizonMs(control, nowMs)) return undefined;
  const { last, ...rest } = control;
  const released: DelayControl = { ...rest, mode: 'released', sinceMs: nowMs, grantedMs: untilMs };
  // The segment of an earlier release may contain this moment too.
  return last !== undefined && last.modifiedMs > untilMs ? { ...released, last } : released;
}
