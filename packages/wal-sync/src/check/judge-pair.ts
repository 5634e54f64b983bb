import type { CopyState } from '@archive2/core/hosts/ask.ts';

/** What two copies of one name, each read by its own host, call for. */
export type PairVerdict =
  | 'equal'
  /** The good copy replaces the damaged one. */
  | 'repair-here'
  | 'repair-there'
  /** Both are whole and they differ: a person decides. */
  | 'conflict'
  /** Damaged, and no whole copy is left. */
  | 'lost'
  /** A copy could not be read, which says nothing about its content. */
  | 'unknown'
  /** Removed on either side since it was listed. */
  | 'gone';

/** Never guesses: a copy counts as damaged only by its own host's reading, and only a whole one replaces it. */
export function judgePair(here: CopyState, there: CopyState): PairVerdict {
  if (here.state === 'absent' || there.state === 'absent') return 'gone';
  if (here.state === 'unreadable' || there.state === 'unreadable') return 'unknown';
  if (here.state === 'damaged') return there.state === 'damaged' ? 'lost' : 'repair-here';
  if (there.state === 'damaged') return 'repair-there';
  return here.rawDigest === there.rawDigest ? 'equal' : 'conflict';
}
