import { formatBytes } from '../base/byte-size.ts';
import type { Progress } from '../queue/task.ts';

export interface Pace extends Progress {
  elapsedMs: number;
}

const barCells = 24;

/** "[#####-----]  41 %  620 MiB of 1.5 GiB  210 MiB/s  4 s left"; what is not known is left out. Pure. */
export function formatProgress(pace: Pace): string {
  const { doneBytes, totalBytes, elapsedMs } = pace;
  const share = totalBytes === undefined || totalBytes === 0 ? undefined : Math.min(1, doneBytes / totalBytes);
  const rate = elapsedMs > 0 ? doneBytes / (elapsedMs / 1000) : 0;
  const parts = [
    ...(share === undefined ? [] : [bar(share), `${String(Math.floor(share * 100)).padStart(3)} %`]),
    totalBytes === undefined ? formatBytes(doneBytes) : `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`,
    ...(rate > 0 ? [`${formatBytes(rate)}/s`] : []),
    ...(totalBytes !== undefined && rate > 0 ? [`${formatDuration((totalBytes - doneBytes) / rate)} left`] : []),
  ];
  return parts.join('  ');
}

/** "9 s", "3 min 20 s", "2 h 5 min". Pure. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

function bar(share: number): string {
  const full = Math.round(share * barCells);
  return `[${'#'.repeat(full)}${'-'.repeat(barCells - full)}]`;
}
