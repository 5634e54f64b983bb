import { quickStat } from '@archive2/core/agent/file-door.ts';
import type { Asker } from './answer.ts';

/** Who asks, by the signal files of a data directory; looked at with each call. */
export function askerIn(dataDirectory: string): Asker {
  if (quickStat(`${dataDirectory}/standby.signal`) !== undefined) return 'standby';
  return quickStat(`${dataDirectory}/recovery.signal`) === undefined ? 'elsewhere' : 'recovery';
}
