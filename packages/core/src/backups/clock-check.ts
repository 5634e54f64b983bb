import { Failure } from '../base/failure.ts';

/** What a clock can be compared with. All in milliseconds since the Unix epoch. */
export interface ClockSigns {
  nowMs: number;
  /** The other archive host's clock, a moment ago. */
  peerNowMs: number | undefined;
  /** When the newest archived WAL was written. */
  newestWalMs: number | undefined;
  /** When a cleanup last ran here. */
  lastRunMs: number | undefined;
}

/** What clocks without NTP drift apart, and what a session may take. */
const toleranceMs = 10 * 60 * 1000;
/** An archive that gets no WAL, and no cleanup, for so long is rarer than a clock that jumped. */
const longestSilenceMs = 30 * 24 * 3600 * 1000;

/**
 * Throws Failure `cleanup_refused` when this host's clock, or its peer's, seems to have jumped: with a clock that is ahead, every pin
 * is over and everything is older than `--keep-days`.
 */
export function checkClock({ nowMs, peerNowMs, newestWalMs, lastRunMs }: ClockSigns): void {
  if (peerNowMs !== undefined && Math.abs(nowMs - peerNowMs) > toleranceMs) {
    throw refused(`the clocks of the archive hosts differ: ${iso(nowMs)} here, ${iso(peerNowMs)} there`);
  }
  const known = Math.max(newestWalMs ?? Number.NEGATIVE_INFINITY, lastRunMs ?? Number.NEGATIVE_INFINITY);
  if (nowMs < known - toleranceMs) {
    throw refused(`it is ${iso(nowMs)} by this host's clock, but WAL or a cleanup is from ${iso(known)}`);
  }
  if (Number.isFinite(known) && nowMs > known + longestSilenceMs) {
    throw refused(`it is ${iso(nowMs)} by this host's clock, but the newest WAL and cleanup are from ${iso(known)}`);
  }
}

function refused(message: string): Failure {
  return new Failure('cleanup_refused', message, {
    hint: 'Set the clock right. If it is right, run wal-cleanup on this host with --trust-clock.',
  });
}

function iso(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}
