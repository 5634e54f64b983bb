import { readFileSetting } from '@archive2/core/postgres/configuration-file.ts';

/**
 * What to tell whoever delays a standby that streams as well: streaming brings WAL past the delay. Undefined where it does not, or
 * where PostgreSQL's own delay is set.
 */
export function streamingPastDelay(dataDirectory: string): string | undefined {
  if (!readFileSetting(dataDirectory, 'primary_conninfo')) return undefined;
  const applyDelay = readFileSetting(dataDirectory, 'recovery_min_apply_delay') ?? '0';
  if (!/^0\s*[a-z]*$/.test(applyDelay)) return undefined;
  return 'primary_conninfo is set: what this standby streams is not delayed; set recovery_min_apply_delay, or stream nothing';
}
