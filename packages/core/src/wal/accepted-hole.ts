import { parseArchiveFileName, type SegmentFile, type SegmentName } from './archive-file.ts';
import { type SegmentSize, segmentsPerLog } from './segment-size.ts';

/** Missing segments that a person has accepted as lost: all of one timeline from `from` to `to`, both inclusive. */
export interface AcceptedHole {
  readonly from: SegmentName;
  readonly to: SegmentName;
  readonly why: string;
  /** Who accepted it, and when (milliseconds since the Unix epoch). */
  readonly who: string;
  readonly atMs: number;
}

/** What a person may write, in characters. */
export const longestReason = 500;

/** One line of JSON, without an end of line. */
export function formatAcceptedHole({ from, to, why, who, atMs }: AcceptedHole): string {
  return JSON.stringify({ from, to, why, who, at: new Date(atMs).toISOString() });
}

/** From JSON that was read. Throws Error or Failure `bad_name` on anything else. */
export function parseAcceptedHole(json: unknown): AcceptedHole {
  if (typeof json !== 'object' || json === null) throw new Error('an accepted hole is an object');
  const { from, to, why, who, at } = json as Record<string, unknown>;
  const [first, last] = [segmentOf(from), segmentOf(to)];
  if (first.timeline !== last.timeline || first.name > last.name) throw new Error(`${first.name} to ${last.name}`);
  const atMs = typeof at === 'string' ? Date.parse(at) : Number.NaN;
  if (!isText(why) || !isText(who) || Number.isNaN(atMs)) throw new Error('why, who or at is missing');
  return { from: first.name, to: last.name, why, who, atMs };
}

function segmentOf(text: unknown): SegmentFile {
  const file = parseArchiveFileName(typeof text === 'string' ? text : '');
  if (file.kind !== 'segment') throw new Error(`${file.name} is no segment`);
  return file;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= longestReason;
}

/** The accepted hole that a segment lies in; undefined when there is none. */
export function acceptedHoleOf(name: SegmentName, accepted: readonly AcceptedHole[]): AcceptedHole | undefined {
  // Names of one timeline sort by position, and both ends are of one timeline.
  return accepted.find(({ from, to }) => from <= name && name <= to);
}

/** Whether both ends are segments that a cluster with this segment size can have. */
export function isUsableAcceptance({ from, to }: AcceptedHole, size: SegmentSize): boolean {
  return [from, to].every((name) => Number.parseInt(name.slice(16), 16) < segmentsPerLog(size));
}
