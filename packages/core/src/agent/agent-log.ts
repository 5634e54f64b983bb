import { appendFileSync, renameSync, statSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import { createLog, type Log, type LogLevel } from '../base/log.ts';

/** When the log is this large, it becomes `<log>.1` and a new one begins: two files at most. */
const maxLogBytes = 10 * 1024 * 1024;

/** An agent's own log: it has no stderr, because one that it inherited would hold PostgreSQL's log open. */
export function createAgentLog(path: string, clock: Clock, threshold: LogLevel): Log {
  let writtenBytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  return createLog((line) => {
    const text = `${new Date(clock.nowMs()).toISOString()} ${line}\n`;
    try {
      if (writtenBytes > maxLogBytes) {
        renameSync(path, `${path}.1`);
        writtenBytes = 0;
      }
      appendFileSync(path, text, { mode: 0o600 });
      writtenBytes += text.length;
    } catch {
      // A full disk under the log must not stop the archiving.
    }
  }, threshold);
}
