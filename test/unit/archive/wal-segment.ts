import { createCipheriv, createHash } from 'node:crypto';
import type { BodySummary } from '../../../packages/core/src/archive/incoming-file.ts';
import { Fingerprint } from '../../../packages/core/src/codec/fingerprint.ts';
import { SegmentEncoder } from '../../../packages/core/src/codec/segment-encoder.ts';
import { type ArchiveFile, parseArchiveFileName } from '../../../packages/core/src/wal/archive-file.ts';
import { segmentStartLsn } from '../../../packages/core/src/wal/segment-position.ts';
import { parseSegmentSize } from '../../../packages/core/src/wal/segment-size.ts';

export const mib = 2 ** 20;
export const ourSystem = 7710547627397989049n;

export interface SegmentFields {
  /** Another seed is other content. */
  seed?: number;
  systemIdentifier?: bigint;
  segmentSize?: number;
  /** The first page's timeline; by default the name's. */
  timeline?: number;
  pageAddress?: bigint;
}

/** Content that a cluster could have written under this name: a long page header of PostgreSQL 15, then noise. */
export function walSegment(name: string, fields: SegmentFields = {}): Buffer {
  const file = parseArchiveFileName(name);
  if (file.kind !== 'segment' && file.kind !== 'partial') throw new Error(`${name} is no segment`);
  const segmentSize = fields.segmentSize ?? mib;
  const bytes = noise(segmentSize, fields.seed ?? 1);
  bytes.fill(0, 0, 40);
  bytes.writeUInt16LE(0xd110, 0);
  bytes.writeUInt16LE(0x0002, 2);
  bytes.writeUInt32LE(fields.timeline ?? file.timeline, 4);
  bytes.writeBigUInt64LE(fields.pageAddress ?? segmentStartLsn(file, parseSegmentSize(segmentSize)), 8);
  bytes.writeBigUInt64LE(fields.systemIdentifier ?? ourSystem, 24);
  bytes.writeUInt32LE(segmentSize, 32);
  bytes.writeUInt32LE(8192, 36);
  return bytes;
}

/** The same bytes for the same seed. */
function noise(sizeBytes: number, seed: number): Buffer {
  const key = createHash('md5').update(String(seed)).digest();
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes));
}

/** A file as it is sent and stored. */
export interface StoredForm {
  file: ArchiveFile;
  raw: Buffer;
  /** SHA-256 of it, hex. */
  rawDigest: string;
  stored: Buffer;
  summary: BodySummary;
}

/** Compressed, as segments are stored. */
export async function encoded(name: string, raw: Buffer): Promise<StoredForm> {
  const stored = Buffer.concat(await Array.fromAsync(new SegmentEncoder(1).encode(raw.length, [raw])));
  return { file: parseArchiveFileName(name), raw, rawDigest: sha256(raw), stored, summary: summaryOf(stored) };
}

/** A segment with this name and these fields, compressed. */
export async function segment(name: string, fields: SegmentFields = {}): Promise<StoredForm> {
  return await encoded(name, walSegment(name, fields));
}

/** Stored as it is, as small files are. */
export function plain(name: string, content: string | Buffer): StoredForm {
  const raw = Buffer.from(content);
  return { file: parseArchiveFileName(name), raw, rawDigest: sha256(raw), stored: raw, summary: summaryOf(raw) };
}

function summaryOf(stored: Buffer): BodySummary {
  return { sizeBytes: stored.length, fingerprint: fingerprintOf(stored) };
}

export function fingerprintOf(bytes: Buffer): string {
  const fingerprint = new Fingerprint();
  fingerprint.update(bytes);
  return fingerprint.text();
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The name of the nth segment (from 0) of a cluster with segments of 1 MiB. */
export function nameOf(number: number, timeline = 1): string {
  const half = (value: number) => value.toString(16).toUpperCase().padStart(8, '0');
  return half(timeline) + half(Math.floor(number / 4096)) + half(number % 4096);
}
