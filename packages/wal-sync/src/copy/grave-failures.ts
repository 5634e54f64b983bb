import type { Failure } from '@archive2/core/base/failure.ts';

/** What is wrong with a host, not with a file: the next file would meet it too. */
const grave = new Set([
  'disk_full',
  'disk_error',
  'host_stalled',
  'host_unreachable',
  'no_hard_links',
  'not_allowed',
  'not_initialized',
  'protocol',
  'wrong_cluster',
  'wrong_directory',
]);

export function endsTheRun(failure: Failure): boolean {
  return grave.has(failure.code);
}
