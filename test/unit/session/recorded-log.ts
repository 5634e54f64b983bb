import { createLog, type Log } from '../../../packages/core/src/base/log.ts';

export interface RecordedLog {
  log: Log;
  lines: string[];
}

export function recordedLog(): RecordedLog {
  const lines: string[] = [];
  return { log: createLog((line) => lines.push(line), 'debug'), lines };
}
