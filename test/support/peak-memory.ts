import { existsSync, readFileSync } from 'node:fs';

/** The most memory that a process had at once so far, its program's file pages included; 0 for one that has ended. */
export function peakBytesOf(pid: number): number {
  const path = `/proc/${pid}/status`;
  const kilobytes = existsSync(path) ? /VmHWM:\s+(\d+) kB/.exec(readFileSync(path, 'utf8'))?.[1] : undefined;
  return Number(kilobytes ?? 0) * 1024;
}
