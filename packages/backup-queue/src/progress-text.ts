import { formatBytes } from '@archive2/core/base/byte-size.ts';
import { formatDuration, formatSpan } from '@archive2/core/cli/relative-time.ts';
import type { RunningTask } from '@archive2/core/queue/queue-state.ts';

/** A worker sends a sign every minute or so; without one for this long a person should know. */
const SILENT_AFTER_MS = 5 * 60_000;

/** How far a running task is, in few words: "43 % of 2.8 GiB, for 12 min". */
export function shortProgress(
  { progress, startedAtMs, heartbeatAtMs, leaseUntilMs }: RunningTask,
  nowMs: number,
): string {
  const since = `for ${formatSpan(nowMs - startedAtMs)}`;
  const parts = [done(progress), since];
  if (nowMs - heartbeatAtMs > SILENT_AFTER_MS) {
    const left = leaseUntilMs > nowMs ? `, given up in ${formatSpan(leaseUntilMs - nowMs)}` : '';
    parts.push(`silent for ${formatSpan(nowMs - heartbeatAtMs)}${left}`);
  }
  return parts.filter((part) => part !== '').join(', ');
}

function done(progress: RunningTask['progress']): string {
  if (progress === undefined) return '';
  const { doneBytes, totalBytes } = progress;
  if (totalBytes === undefined || totalBytes <= 0) return formatBytes(doneBytes);
  // The total is an estimate, and what is there is not all until it is over.
  return `${Math.min(99, Math.floor((doneBytes / totalBytes) * 100))} % of ${formatBytes(totalBytes)}`;
}

/** Rate and expected end of a running task; empty while they can't be told. */
export function rateAndEnd({ progress, startedAtMs, heartbeatAtMs }: RunningTask, nowMs: number): string {
  const elapsedMs = heartbeatAtMs - startedAtMs;
  if (progress === undefined || progress.doneBytes <= 0 || elapsedMs < 1000) return '';
  const bytesPerSecond = (progress.doneBytes / elapsedMs) * 1000;
  const rate = `${formatBytes(bytesPerSecond)}/s`;
  if (progress.totalBytes === undefined || progress.totalBytes <= progress.doneBytes) return rate;
  const leftMs = ((progress.totalBytes - progress.doneBytes) / bytesPerSecond) * 1000 - (nowMs - heartbeatAtMs);
  return leftMs > 0 ? `${rate}, about ${formatDuration(leftMs)} to go` : rate;
}
