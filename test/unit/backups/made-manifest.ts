import { createHash } from 'node:crypto';

export interface MadeFile {
  path: string;
  content: Uint8Array;
  algorithm?: string;
  checksum?: string;
  sizeBytes?: number;
}

export interface MadeRange {
  timeline: number;
  start: string;
  end: string;
}

/** A backup_manifest as PostgreSQL writes it; the checksums are SHA256 unless told otherwise. */
export function madeManifest(
  files: readonly MadeFile[],
  {
    version = 1,
    systemIdentifier,
    ranges = [{ timeline: 1, start: '0/2000028', end: '0/2000100' }],
  }: { version?: number; systemIdentifier?: string; ranges?: readonly MadeRange[] } = {},
): string {
  const fileLines = files.map(({ path, content, algorithm = 'SHA256', checksum, sizeBytes }) => {
    const bytes = Buffer.from(path, 'latin1');
    const isUtf8 = Buffer.from(bytes.toString('utf8')).equals(bytes);
    const name = isUtf8
      ? `"Path": ${JSON.stringify(bytes.toString('utf8'))}`
      : `"Encoded-Path": "${bytes.toString('hex')}"`;
    const sum = checksum ?? createHash('sha256').update(content).digest('hex');
    const rest = `"Last-Modified": "2026-11-21 12:57:26 GMT", "Checksum-Algorithm": "${algorithm}", "Checksum": "${sum}"`;
    return `{ ${name}, "Size": ${sizeBytes ?? content.length}, ${rest} }`;
  });
  const rangeLines = ranges.map(
    ({ timeline, start, end }) => `{ "Timeline": ${timeline}, "Start-LSN": "${start}", "End-LSN": "${end}" }`,
  );
  const identifier = systemIdentifier === undefined ? '' : `"System-Identifier": ${systemIdentifier},\n`;
  return sealed(
    `{ "PostgreSQL-Backup-Manifest-Version": ${version},\n${identifier}"Files": [` +
      `${fileLines.length === 0 ? '' : '\n'}${fileLines.join(',\n')}\n],\n` +
      `"WAL-Ranges": [\n${rangeLines.join(',\n')}\n],\n`,
  );
}

/** With the line that has the checksum of all before it. */
export function sealed(text: string): string {
  return `${text}"Manifest-Checksum": "${createHash('sha256').update(text).digest('hex')}"}\n`;
}
