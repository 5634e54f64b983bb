import { existsSync, readFileSync } from 'node:fs';

/** The most memory that a process had at once so far, its program's file pages included; 0 for one that has ended. */
export function peakBytesOf(pid: number): number {
  const path = `/proc/${pid}/status`;
  const kilobytes = existsSync(path) ? /VmHWM:\s+(\d+) kB/.exec(readFileSync(path, 'utf8'))?.[1] : undefined;
  return Number(kilobytes ?? 0) * 1024;
}

/** The same of a process that runs, in MB of 2^20 bytes. @throws Error for one that does not: its memory would be small. */
export function peakMbOf(pid: number | undefined): number {
  const peakBytes = pid === undefined ? 0 : peakBytesOf(pid);
  if (peakBytes === 0) throw new Error(`no process ${pid}`);
  return peakBytes / 1024 ** 2;
}
