import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { WalPlace } from '../wal/backup-label.ts';
import { compareLsn, type Lsn } from '../wal/lsn.ts';
import { type SystemIdentifier, systemIdentifierFromNumber } from '../wal/system-identifier.ts';
import { backupDamaged } from './backup-damage.ts';
import { parsePlace } from './backup-record.ts';
import type { ManifestFile } from './member-book.ts';
import { checksumLength, parseChecksumAlgorithm } from './member-digest.ts';

/** The WAL that a backup needs on one timeline: from `start` up to `endLsn`, which is the first byte that it does not need. */
export interface WalRange {
  readonly start: WalPlace;
  readonly endLsn: Lsn;
}

export interface BackupManifest {
  /** PostgreSQL 17 and later write it. */
  readonly systemIdentifier: SystemIdentifier | undefined;
  /** In their order, oldest first; at least one. */
  readonly walRanges: readonly WalRange[];
  /** Of the whole file, hex. */
  readonly sha256: string;
}

/** Longer than any line of a manifest. */
const longestLineBytes = 64 * 1024;

/**
 * Reads backup_manifest line by line, whatever its size, and tells `onFile` of each file. Throws `backup_damaged` for anything that
 * PostgreSQL 13 to 18 would not write, and unless its own checksum is right; `onFile` was called before that is known.
 *
 * Source: PostgreSQL 18 src/backend/backup/backup_manifest.c, which writes one file in a line.
 */
export async function readManifest(path: string, onFile: (file: ManifestFile) => void): Promise<BackupManifest> {
  const hash = createHash('sha256');
  // The last line has the checksum of all before it.
  const parser = new ManifestParser(onFile, () => hash.copy().digest('hex'));
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of createReadStream(path, { highWaterMark: 2 ** 18 }) as AsyncIterable<Buffer>) {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    let hashed = 0;
    let from = 0;
    const catchUp = () => {
      hash.update(bytes.subarray(hashed, from));
      hashed = from;
    };
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
      if (parser.isAtChecksum) catchUp();
      parser.take(bytes.subarray(from, end + 1));
      from = end + 1;
    }
    catchUp();
    rest = Buffer.from(bytes.subarray(from));
    if (rest.length > longestLineBytes) throw noManifest('a line without an end');
  }
  return { ...parser.finish(rest), sha256: hash.digest('hex') };
}

type Section = 'begin' | 'files' | 'ranges' | 'checksum' | 'end';

class ManifestParser {
  private readonly onFile: (file: ManifestFile) => void;
  private readonly digestSoFar: () => string;
  private readonly ranges: WalRange[] = [];
  private systemIdentifier: SystemIdentifier | undefined;
  private section: Section = 'begin';

  /** `digestSoFar`: the SHA-256, in hex, of all lines before the one that is being taken; asked for where `isAtChecksum` said so. */
  constructor(onFile: (file: ManifestFile) => void, digestSoFar: () => string) {
    this.onFile = onFile;
    this.digestSoFar = digestSoFar;
  }

  /** The next line is to be the one with the checksum. */
  get isAtChecksum(): boolean {
    return this.section === 'checksum';
  }

  take(line: Buffer): void {
    if (this.section === 'end') throw noManifest('something after its end');
    const text = line.toString('utf8').trimEnd();
    if (this.section === 'checksum') this.checkChecksum(text);
    else if (this.section === 'begin') this.takeBeginning(text);
    else if (this.section === 'files') this.takeFile(text);
    else this.takeRange(text);
  }

  finish(rest: Buffer): Omit<BackupManifest, 'sha256'> {
    if (rest.length > 0) throw noManifest('a line without an end');
    if (this.section !== 'end') throw noManifest('no end');
    // The server writes the newest timeline first.
    const walRanges = this.ranges.toSorted((a, b) => compareLsn(a.start.lsn, b.start.lsn));
    return { systemIdentifier: this.systemIdentifier, walRanges };
  }

  private takeBeginning(text: string): void {
    if (text === '"Files": [') {
      this.section = 'files';
      return;
    }
    const identifier = /^"System-Identifier": ([0-9]{1,20}),$/.exec(text)?.[1];
    if (identifier !== undefined) this.systemIdentifier = systemIdentifierFromNumber(BigInt(identifier));
    else if (!/^\{ "PostgreSQL-Backup-Manifest-Version": [12],$/.test(text)) throw noManifest('another beginning');
  }

  private takeFile(text: string): void {
    if (text === '') return;
    if (text === '],') return;
    if (text === '"WAL-Ranges": [') {
      this.section = 'ranges';
      return;
    }
    this.onFile(fileOf(objectOf(text)));
  }

  private takeRange(text: string): void {
    if (text === '],') {
      if (this.ranges.length === 0) throw noManifest('no WAL range');
      this.section = 'checksum';
      return;
    }
    const range = objectOf(text);
    try {
      const start = parsePlace({ timeline: range['Timeline'], lsn: range['Start-LSN'] }, 'a WAL range');
      const end = parsePlace({ timeline: range['Timeline'], lsn: range['End-LSN'] }, 'a WAL range');
      if (end.lsn < start.lsn) throw new Error('a WAL range ends before it starts');
      this.ranges.push({ start, endLsn: end.lsn });
    } catch (error) {
      throw noManifest('an impossible WAL range', error);
    }
  }

  private checkChecksum(text: string): void {
    const written = /^"Manifest-Checksum": "([0-9a-f]{64})"\}$/.exec(text)?.[1];
    if (written === undefined) throw noManifest('no checksum of its own');
    if (written !== this.digestSoFar()) throw noManifest('another checksum than the one that it names');
    this.section = 'end';
  }
}

function objectOf(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text.replace(/,$/, '')) as Record<string, unknown>;
  } catch (error) {
    throw noManifest('a line that is no JSON', error);
  }
}

function fileOf(json: Record<string, unknown>): ManifestFile {
  const { Path: path, 'Encoded-Path': encoded, Size: sizeBytes, Checksum: checksum } = json;
  // A name that is not UTF-8 is given in hexadecimal.
  const bytes =
    typeof path === 'string'
      ? Buffer.from(path, 'utf8')
      : typeof encoded === 'string'
        ? Buffer.from(encoded, 'hex')
        : undefined;
  const algorithm = parseChecksumAlgorithm(json['Checksum-Algorithm']);
  if (bytes === undefined || bytes.length === 0 || !Number.isSafeInteger(sizeBytes) || (sizeBytes as number) < 0) {
    throw noManifest('a file without a path or a size');
  }
  if (typeof checksum !== 'string' || !/^([0-9a-f]{2})+$/.test(checksum)) throw noManifest('a checksum that is none');
  const value = Buffer.from(checksum, 'hex');
  if (value.length !== checksumLength(algorithm))
    throw noManifest('a checksum of another length than its algorithm has');
  return { path: bytes.toString('latin1'), sizeBytes: sizeBytes as number, algorithm, checksum: value };
}

function noManifest(has: string, cause?: unknown): Error {
  return backupDamaged(`has a backup_manifest with ${has}`, cause);
}
