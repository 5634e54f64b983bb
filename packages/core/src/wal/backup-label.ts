import { Failure } from '../base/failure.ts';
import { escapeControls } from '../base/log.ts';
import { isArchiveFileName, parseArchiveFileName } from './archive-file.ts';
import { type Lsn, tryParseLsn } from './lsn.ts';
import { segmentNameAt, segmentNumberOfLsn } from './segment-position.ts';
import type { SegmentSize } from './segment-size.ts';
import { type TimelineId, timelineFromNumber } from './timeline-id.ts';

/** A place in the WAL: recovery from here reads segments at or after it, on this timeline and on those it leads to. */
export interface WalPlace {
  readonly timeline: TimelineId;
  readonly lsn: Lsn;
}

/** What a backup_label, or the `.backup` file that the server archives at a backup's end, says of its WAL. */
export interface BackupLabel {
  /** Where recovery of this backup begins: the redo position of its checkpoint. */
  readonly start: WalPlace;
  readonly checkpointLsn: Lsn;
  /** Where the backup becomes consistent; only a `.backup` file has it. */
  readonly stop: WalPlace | undefined;
}

/** A label is a few lines; more than this is not one. */
export const largestLabelBytes = 64 * 1024;

/**
 * Reads the text of a backup_label or of a `.backup` file. Throws `damaged` for what is neither, and for what a torn write or
 * another segment size leaves: each place is written twice, as a position and as a segment's name, and both must agree.
 *
 * Source: build_backup_content in PostgreSQL 18 src/backend/access/transam/xlogbackup.c, read_backup_label in xlogrecovery.c.
 */
export function parseBackupLabel(content: string, size: SegmentSize): BackupLabel {
  const lines = content.split('\n');
  // The last line, too, ends with a newline: what comes after it is a line that was torn.
  if (lines.pop() !== '') throw notALabel('it ends within a line');
  const value = (key: string) => lines.find((line) => line.startsWith(`${key}: `))?.slice(key.length + 2);
  const start = placeOf(value('START WAL LOCATION'), value('START TIMELINE'), 'START WAL LOCATION', size);
  const checkpointLsn = tryParseLsn(value('CHECKPOINT LOCATION') ?? '');
  if (checkpointLsn === undefined) throw notALabel('it has no CHECKPOINT LOCATION');
  if (checkpointLsn < start.lsn) throw notALabel('its checkpoint lies before its start');
  const stopValue = value('STOP WAL LOCATION');
  if (stopValue === undefined) return { start, checkpointLsn, stop: undefined };
  const stopLsn = tryParseLsn(stopValue.split(' ')[0] ?? '');
  const stopTimeline = timelineFromNumber(Number(value('STOP TIMELINE') ?? start.timeline));
  if (stopLsn === undefined || stopTimeline === undefined || stopLsn < start.lsn) {
    throw notALabel(`it has an impossible STOP WAL LOCATION: ${shortened(stopValue)}`);
  }
  return { start, checkpointLsn, stop: { timeline: stopTimeline, lsn: stopLsn } };
}

function placeOf(
  value: string | undefined,
  timelineValue: string | undefined,
  key: string,
  size: SegmentSize,
): WalPlace {
  if (value === undefined) throw notALabel(`it has no ${key}`);
  const [, position = '', name = ''] = /^(\S+) \(file ([0-9A-F]{24})\)$/.exec(value) ?? [];
  const lsn = tryParseLsn(position);
  if (lsn === undefined || !isArchiveFileName(name)) throw notALabel(`it has a malformed ${key}: ${shortened(value)}`);
  const { timeline } = parseArchiveFileName(name);
  // PostgreSQL writes the timeline since version 11; the name has it in every version.
  if (timelineValue !== undefined && Number(timelineValue) !== timeline) {
    throw notALabel(`it begins on timeline ${shortened(timelineValue)}, in a segment of timeline ${timeline}`);
  }
  if (segmentNameAt(timeline, segmentNumberOfLsn(lsn, size), size) !== name) {
    throw notALabel(`it begins at ${position} in ${name}, which is not so with segments of ${size} bytes`);
  }
  return { timeline, lsn };
}

function notALabel(why: string): Failure {
  return new Failure('damaged', `this is no backup label of the cluster: ${why}`);
}

function shortened(text: string): string {
  return `"${escapeControls(text.slice(0, 80))}"`;
}
