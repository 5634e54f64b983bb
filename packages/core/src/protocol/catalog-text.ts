import { Failure } from '../base/failure.ts';
import { type AcceptedHole, formatAcceptedHole, parseAcceptedHole } from '../wal/accepted-hole.ts';
import {
  type ArchiveFileName,
  isArchiveFileName,
  parseArchiveFileName,
  type SegmentName,
} from '../wal/archive-file.ts';

/** What a host says about its whole WAL directory at one moment. */
export interface Catalog {
  /** Stored archive files and their sizes as they are stored, in bytes. */
  stored: Map<ArchiveFileName, number>;
  /** What it owes its peer. */
  owed: Set<ArchiveFileName>;
  /** What it has removed because no backup needs it: not to be brought back. Says nothing about a name that is stored. */
  removed: Set<ArchiveFileName>;
  /** Where the WAL of each base backup that it keeps begins. */
  backups: Set<SegmentName>;
  acceptedHoles: AcceptedHole[];
}

/** What of a catalog is known at once. */
export interface CatalogPart {
  stored: Iterable<readonly [ArchiveFileName, number]>;
  owed: Iterable<ArchiveFileName>;
  removed: Iterable<ArchiveFileName>;
  backups: Iterable<SegmentName>;
  acceptedHoles: Iterable<AcceptedHole>;
}

export function emptyCatalog(): Catalog {
  return { stored: new Map(), owed: new Set(), removed: new Set(), backups: new Set(), acceptedHoles: [] };
}

/**
 * A catalog crosses the session as lines in `data` frames, whole lines in each: `s NAME SIZE` (stored), `o NAME` (owed), `t NAME`
 * (removed), `b NAME` (first segment of a base backup), `h JSON` (accepted hole). Never one JSON array: it is made, sent and read piece by piece.
 */
export function* catalogPieces(catalog: CatalogPart, pieceBytes = 128 * 1024): Generator<Buffer> {
  let lines: string[] = [];
  let length = 0;
  for (const line of catalogLines(catalog)) {
    lines.push(line);
    length += line.length;
    if (length < pieceBytes) continue;
    yield Buffer.from(lines.join(''));
    lines = [];
    length = 0;
  }
  if (lines.length > 0) yield Buffer.from(lines.join(''));
}

function* catalogLines({ stored, owed, removed, backups, acceptedHoles }: CatalogPart): Generator<string> {
  for (const [name, sizeBytes] of stored) yield `s ${name} ${sizeBytes}\n`;
  for (const name of owed) yield `o ${name}\n`;
  for (const name of removed) yield `t ${name}\n`;
  for (const name of backups) yield `b ${name}\n`;
  for (const hole of acceptedHoles) yield `h ${formatAcceptedHole(hole)}\n`;
}

/** More lines than any archive has, and what a host that lies may make us keep. */
const maxLines = 8_000_000;

/** Takes a catalog piece by piece. Throws Failure `protocol` on anything that is none. */
export class CatalogReader {
  readonly catalog = emptyCatalog();
  private lines = 0;

  add(piece: Buffer): void {
    const text = piece.toString('utf8');
    let start = 0;
    while (start < text.length) {
      const end = text.indexOf('\n', start);
      if (end < 0) throw broken('a line without an end', text.slice(start));
      this.lines += 1;
      if (this.lines > maxLines) throw new Failure('protocol', `the catalog has more than ${maxLines} lines`);
      // Nearly all lines are of this kind: they are not copied more often than need be.
      if (text.startsWith('s ', start)) this.addStored(text, start, end);
      else this.addOther(text.slice(start, end));
      start = end + 1;
    }
  }

  private addStored(text: string, start: number, end: number): void {
    const { stored } = this.catalog;
    const space = text.indexOf(' ', start + 2);
    const name = text.slice(start + 2, space < 0 ? end : Math.min(space, end));
    if (!isArchiveFileName(name)) throw broken('a name that is no archive file', text.slice(start, end));
    const files = stored.size;
    stored.set(name, sizeOf(text.slice(start + 3 + name.length, end), name));
    if (stored.size === files) throw broken('a name twice', name);
  }

  private addOther(line: string): void {
    const { owed, removed, backups, acceptedHoles } = this.catalog;
    const rest = line.slice(2);
    switch (line.slice(0, 2)) {
      case 'o ':
        owed.add(archiveName(rest, line));
        return;
      case 't ':
        removed.add(archiveName(rest, line));
        return;
      case 'b ':
        backups.add(segmentName(rest, line));
        return;
      case 'h ':
        acceptedHoles.push(parseHole(rest));
        return;
      default:
        throw broken('a line of no known kind', line);
    }
  }
}

function archiveName(text: string, line: string): ArchiveFileName {
  if (isArchiveFileName(text)) return text;
  throw broken('a name that is no archive file', line);
}

function segmentName(text: string, line: string): SegmentName {
  const file = parseArchiveFileName(archiveName(text, line));
  if (file.kind === 'segment') return file.name;
  throw broken('a base backup that begins with no segment', line);
}

function sizeOf(text: string, line: string): number {
  const size = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(size)) return size;
  throw broken('a size that is none', line);
}

function parseHole(text: string): AcceptedHole {
  try {
    return parseAcceptedHole(JSON.parse(text));
  } catch (error) {
    throw new Failure('protocol', 'the catalog has an accepted hole that cannot be read', { cause: error });
  }
}

function broken(what: string, line: string): Failure {
  return new Failure('protocol', `the catalog has ${what}: ${JSON.stringify(line.slice(0, 60))}`);
}
