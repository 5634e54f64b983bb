import { Failure } from '../base/failure.ts';
import { escapeControls } from '../base/log.ts';
import { formatHalf, formatTimelineId, type TimelineId, timelineFromNumber } from './timeline-id.ts';

/** The name of a file that PostgreSQL archives; safe as the last part of a path. Only this file makes one. */
export type ArchiveFileName = string & { readonly archiveFile: true };

/** The name of a full segment: 24 hexadecimal digits. */
export type SegmentName = ArchiveFileName & { readonly segment: true };

/** A full WAL segment. `log` and `seg` are the two 32-bit halves of its number, as the name has them. */
export interface SegmentFile {
  readonly kind: 'segment';
  readonly name: SegmentName;
  readonly timeline: TimelineId;
  readonly log: number;
  readonly seg: number;
}

/** The last, incomplete segment of a timeline that a promotion left; never the same thing as the full segment. */
export interface PartialFile {
  readonly kind: 'partial';
  readonly name: ArchiveFileName;
  readonly timeline: TimelineId;
  readonly log: number;
  readonly seg: number;
}

/** What a timeline branched from, and where. */
export interface HistoryFile {
  readonly kind: 'history';
  readonly name: ArchiveFileName;
  readonly timeline: TimelineId;
}

/** The label of a finished base backup; `offset` is where in the segment the backup starts, in bytes. */
export interface BackupHistoryFile {
  readonly kind: 'backup';
  readonly name: ArchiveFileName;
  readonly timeline: TimelineId;
  readonly log: number;
  readonly seg: number;
  readonly offset: number;
}

export type ArchiveFile = SegmentFile | PartialFile | HistoryFile | BackupHistoryFile;

const half = '[0-9A-F]{8}';
const namePattern = new RegExp(
  `^(?<timeline>${half})(?:(?<history>\\.history)|` +
    `(?<log>${half})(?<seg>${half})(?<rest>\\.partial|\\.${half}\\.backup)?)$`,
);

const noTimeline = '00000000';

/** No archive file's name is longer than a backup history file's. */
const longestName = '000000010000000000000003.00000028.backup'.length;

/**
 * The only way from a text to an archive file's name: everything but the four exact forms that PostgreSQL writes is
 * refused with `bad_name`, before anything touches a disk.
 *
 * Whether the segment exists for the cluster's segment size is segment-position.ts's to say. Source: IsXLogFileName,
 * IsPartialXLogFileName, IsTLHistoryFileName and BackupHistoryFileName in PostgreSQL 18
 * src/include/access/xlog_internal.h.
 */
export function parseArchiveFileName(text: string): ArchiveFile {
  // The length first: without a bound, the pattern would be run over whatever somebody sends. A `$` in a pattern
  // without the m flag matches at the very end only, so a trailing newline is refused too.
  const groups = text.length <= longestName ? namePattern.exec(text)?.groups : undefined;
  if (!groups) throw badName(text, 'is not the name of a PostgreSQL archive file', hintFor(text));
  const timeline = timelineFromNumber(hex(groups.timeline));
  if (timeline === undefined) {
    throw badName(text, 'names timeline 0, which does not exist', 'Timelines begin with 00000001.');
  }
  const name = text as ArchiveFileName;
  if (groups.history) return { kind: 'history', name, timeline };
  const log = hex(groups.log);
  const seg = hex(groups.seg);
  if (groups.rest === undefined) return { kind: 'segment', name: name as SegmentName, timeline, log, seg };
  if (groups.rest === '.partial') return { kind: 'partial', name, timeline, log, seg };
  return { kind: 'backup', name, timeline, log, seg, offset: hex(groups.rest.slice(1, 9)) };
}

/** True for exactly what parseArchiveFileName takes: for choosing the archive's files in a directory listing. */
export function isArchiveFileName(text: string): text is ArchiveFileName {
  return text.length <= longestName && namePattern.test(text) && !text.startsWith(noTimeline);
}

/** `log` and `seg` must be 32-bit numbers; segmentNameAt in segment-position.ts is what callers want. */
export function formatSegmentName(timeline: TimelineId, log: number, seg: number): SegmentName {
  return `${formatTimelineId(timeline)}${formatHalf(log)}${formatHalf(seg)}` as SegmentName;
}

/** "00000002.history". */
export function historyNameOf(timeline: TimelineId): ArchiveFileName {
  return `${formatTimelineId(timeline)}.history` as ArchiveFileName;
}

function hex(digits: string | undefined): number {
  return Number.parseInt(digits ?? '', 16);
}

function badName(text: string, what: string, hint: string): Failure {
  return new Failure('bad_name', `"${printable(text)}" ${what}`, { hint });
}

/** Cut before it is escaped, so that the message is short whatever was sent; invisible characters are written out. */
function printable(text: string): string {
  const start = escapeControls(text.slice(0, longestName));
  const visible = start.replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return text.length > longestName ? `${visible}...` : visible;
}

function hintFor(text: string): string {
  if (text.includes('/')) return 'Give the name only, without a directory: in PostgreSQL\'s commands it is "%f".';
  if (text.length <= longestName && namePattern.test(text.toUpperCase().replace(/\.[A-Z]+$/, lowerCase))) {
    return 'PostgreSQL writes the hexadecimal digits in upper case, the rest in lower case.';
  }
  return 'Names are like 00000001000000000000000A, with .partial or .00000028.backup added, or 00000002.history.';
}

function lowerCase(text: string): string {
  return text.toLowerCase();
}
