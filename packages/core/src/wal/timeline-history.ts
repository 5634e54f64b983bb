import { Failure } from '../base/failure.ts';
import { escapeControls } from '../base/log.ts';
import { historyNameOf } from './archive-file.ts';
import { type Lsn, tryParseLsn } from './lsn.ts';
import { type TimelineId, timelineFromNumber } from './timeline-id.ts';

/** One ancestor: `timeline` was left at `switchLsn` (the first position that belongs to its child). */
export interface TimelineHistoryEntry {
  readonly timeline: TimelineId;
  readonly switchLsn: Lsn;
  /** Why, in PostgreSQL's words, or empty. For people. */
  readonly reason: string;
}

/**
 * The ancestors that a history file lists, oldest first; the last one is the parent. Throws `damaged` for anything
 * PostgreSQL would refuse, and for what only a torn write leaves: no entry at all, zero bytes, an unfinished position.
 *
 * Timelines strictly increase and stay below `timeline`. Switch positions need not increase: a recovery that ends
 * before the branch point of its target timeline writes a smaller one after a greater one. Source: readTimeLineHistory
 * and writeTimeLineHistory in PostgreSQL 18 src/backend/access/transam/timeline.c.
 */
export function parseTimelineHistory(content: Buffer, timeline: TimelineId): TimelineHistoryEntry[] {
  const damaged = (what: string) =>
    new Failure('damaged', `${historyNameOf(timeline)} ${what}`, {
      hint: 'Compare the copy on the other archive host and in pg_wal of the servers on this timeline.',
    });
  if (content.includes(0)) throw damaged('holds zero bytes');
  const lines = content.toString('utf8').split('\n');
  const entries: TimelineHistoryEntry[] = [];
  for (const [index, line] of lines.entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const entry = parseLine(line);
    if (entry === undefined) throw damaged(`has a malformed line ${index + 1}: ${shortened(line)}`);
    const previous = entries.at(-1);
    if (previous && entry.timeline <= previous.timeline) {
      throw damaged(`lists timeline ${entry.timeline} after timeline ${previous.timeline}`);
    }
    if (entry.timeline >= timeline) throw damaged(`lists timeline ${entry.timeline} as an ancestor`);
    // PostgreSQL ends each position with a tab and a reason: the end of the file right after its digits is a torn
    // write, and the digits that are there may be the beginning of another position.
    if (index === lines.length - 1 && /[0-9A-Fa-f]$/.test(line) && entry.reason === '') {
      throw damaged('ends within a position');
    }
    entries.push(entry);
  }
  if (entries.length === 0) throw damaged('names no parent timeline');
  return entries;
}

function parseLine(line: string): TimelineHistoryEntry | undefined {
  const match = /^\s*([0-9]{1,10})\s+([0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8})(?:\s([^]*))?$/.exec(line);
  const timeline = timelineFromNumber(Number(match?.[1]));
  const switchLsn = tryParseLsn(match?.[2] ?? '');
  if (timeline === undefined || switchLsn === undefined) return undefined;
  return { timeline, switchLsn, reason: match?.[3]?.trim() ?? '' };
}

function shortened(line: string): string {
  return `"${escapeControls(line.slice(0, 60))}${line.length > 60 ? '...' : ''}"`;
}

/**
 * True when a stored history file is what a torn write left of the newcomer: damage to repair, where any other
 * difference is a conflict.
 */
export function isEmptyOrProperPrefix(stored: Buffer, newcomer: Buffer): boolean {
  if (stored.length === 0) return true;
  return stored.length < newcomer.length && stored.equals(newcomer.subarray(0, stored.length));
}
