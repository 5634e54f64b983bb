import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import type { BackupSource } from '../../../../packages/core/src/backups/backup-source.ts';
import type { SurveyedBackup } from '../../../../packages/core/src/backups/host-survey.ts';
import { crc32c } from '../../../../packages/core/src/base/crc32c.ts';
import type { BackupCopy } from '../../../../packages/core/src/restore/extract/extraction.ts';
import { timelineFromNumber } from '../../../../packages/core/src/wal/timeline-id.ts';
import { nameOf, ourSystem, walSegment } from '../../archive/wal-segment.ts';
import { backupMs, lsnIn } from '../../backups/backup-files.ts';
import { madeManifest } from '../../backups/made-manifest.ts';
import { type MadeMember, madeTar } from '../../backups/made-tar.ts';

/** Where the range of a made manifest lies, with segments of 1 MiB. */
export const walName = nameOf(32);

/** Made once: a megabyte of noise. */
const neededSegment = walSegment(walName);

type Form = 'plain' | 'one frame' | 'frames';

/** pg_control as PostgreSQL 15 writes it, as far as we read it. */
export function controlFile({ systemIdentifier = ourSystem, checksums = true } = {}): Buffer {
  const bytes = Buffer.alloc(8192);
  bytes.writeBigUInt64LE(systemIdentifier, 0);
  bytes.writeUInt32LE(1300, 8);
  const at = 200;
  bytes.writeDoubleLE(1_234_567, at);
  bytes.writeUInt32LE(8192, at + 8);
  bytes.writeUInt32LE(131_072, at + 12);
  bytes.writeUInt32LE(checksums ? 1 : 0, at + 44);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, at + 80)), at + 80);
  return bytes;
}

/** What a server would send at the least. */
export const leastFiles: Readonly<Record<string, Buffer>> = {
  backup_label: Buffer.from('START WAL LOCATION\n'),
  PG_VERSION: Buffer.from('15\n'),
  'global/pg_control': controlFile(),
};

export const emptyDirectories = ['pg_notify', 'pg_tblspc', 'pg_wal', 'pg_wal/archive_status'];

/** Members for these files: each directory before what is in it. */
function membersOf(files: Readonly<Record<string, Buffer>>, directories: readonly string[] = []): MadeMember[] {
  const made = new Set<string>();
  const members: MadeMember[] = [];
  const makeParents = (path: string) => {
    const parts = path.split('/').slice(0, -1);
    for (const [index] of parts.entries()) makeDirectory(parts.slice(0, index + 1).join('/'));
  };
  const makeDirectory = (path: string) => {
    if (made.has(path)) return;
    made.add(path);
    members.push({ name: `${path}/`, type: '5' });
  };
  for (const directory of directories) {
    makeParents(directory);
    makeDirectory(directory);
  }
  for (const [name, content] of Object.entries(files)) {
    makeParents(name);
    members.push({ name, content });
  }
  return members;
}

export interface MadeBackup {
  directory: string;
  copy: BackupCopy;
}

export interface BackupParts {
  /** Of the data directory, besides what must be there. */
  files?: Record<string, Buffer>;
  /** By OID: the files of a tablespace. */
  tablespaces?: Record<string, Record<string, Buffer>>;
  form?: Form;
  /** Changes the members of the tar "base", "pg_wal" or of a tablespace. */
  tamper?: (members: MadeMember[], part: string) => MadeMember[];
  /** Changes a tar after it was made. */
  damage?: (tar: Buffer, part: string) => Buffer;
  /** Of the manifest. */
  manifest?: {
    algorithm?: 'SHA256' | 'CRC32C';
    leave?: string;
    add?: Record<string, Buffer>;
    change?: Record<string, Buffer>;
  };
  wal?: Record<string, Buffer>;
}

/** A base backup in a directory, as base-backup leaves it. */
export function makeBackup(directory: string, parts: BackupParts = {}): MadeBackup {
  const { tablespaces = {}, form = 'one frame', tamper = (members) => members, damage = (tar) => tar } = parts;
  const map = Object.keys(tablespaces).map((oid) => `${oid} /the/old/place\n`);
  const files: Record<string, Buffer> = {
    ...leastFiles,
    ...(map.length > 0 ? { tablespace_map: Buffer.from(map.join('')) } : {}),
    ...parts.files,
  };
  const links = Object.keys(tablespaces).map((oid) => ({
    name: `pg_tblspc/${oid}`,
    type: '2',
    linkTo: '/the/old/place',
  }));
  const wal = parts.wal ?? { [walName]: neededSegment, [`archive_status/${walName}.done`]: Buffer.alloc(0) };
  const tars = new Map<string, MadeMember[]>([['base', [...membersOf(files, emptyDirectories), ...links]]]);
  tars.set(
    'pg_wal',
    Object.entries(wal).map(([name, content]) => ({ name, content })),
  );
  for (const [oid, content] of Object.entries(tablespaces)) tars.set(oid, membersOf(content));
  mkdirSync(join(directory, 'global'), { recursive: true });
  for (const [part, members] of tars) {
    const tar = damage(madeTar(tamper(members, part)), part);
    writeFileSync(join(directory, `${part}.tar${form === 'plain' ? '' : '.zst'}`), stored(tar, form));
  }
  writeFileSync(join(directory, 'global/pg_control'), files['global/pg_control'] ?? '');
  writeFileSync(join(directory, 'backup_manifest'), manifestOf(files, tablespaces, parts.manifest));
  return { directory, copy: copyOf(directory) };
}

function manifestOf(
  files: Record<string, Buffer>,
  tablespaces: Record<string, Record<string, Buffer>>,
  { algorithm = 'SHA256', leave, add = {}, change = {} }: BackupParts['manifest'] = {},
): string {
  const all = { ...files, ...add, ...change };
  for (const [oid, inside] of Object.entries(tablespaces)) {
    for (const [name, content] of Object.entries(inside)) all[`pg_tblspc/${oid}/${name}`] = content;
  }
  const listed = Object.entries(all).filter(([path]) => path !== leave && !path.startsWith('pg_wal/'));
  return madeManifest(
    listed.map(([path, content]) => {
      if (algorithm === 'SHA256') return { path, content };
      const checksum = Buffer.alloc(4);
      checksum.writeUInt32LE(crc32c(content));
      return { path, content, algorithm, checksum: checksum.toString('hex') };
    }),
  );
}

/** PostgreSQL's one frame without its size, or base-backup's frames with theirs (here of 64 KiB). */
function stored(tar: Buffer, form: Form): Buffer {
  if (form === 'plain') return tar;
  const pieces = form === 'frames' ? piecesOf(tar, 65_536) : [tar];
  return Buffer.concat(pieces.map((piece) => (form === 'frames' ? zlib.zstdCompressSync(piece) : streamed(piece))));
}

function piecesOf(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}

/** One frame in which the content's size is not said: blocks of raw bytes. */
function streamed(content: Buffer): Buffer {
  const window = 0b0101_1000;
  const blocks = piecesOf(content, 100_000).map((piece, index, all) => {
    const header = Buffer.alloc(3);
    header.writeUIntLE((piece.length << 3) | (index === all.length - 1 ? 1 : 0), 0, 3);
    return Buffer.concat([header, piece]);
  });
  return Buffer.concat([Buffer.of(0x28, 0xb5, 0x2f, 0xfd, 0, window), ...blocks]);
}

/** A source that reads a directory, in small pieces that are used again, as real ones are. */
function sourceOf(directory: string, host = 'arch1'): BackupSource {
  return {
    host,
    backup: 'data.master.1',
    async *read(file, signal) {
      const handle = await open(join(directory, file));
      const buffer = Buffer.alloc(30_000);
      try {
        for (;;) {
          signal.throwIfAborted();
          const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
          if (bytesRead === 0) return;
          yield buffer.subarray(0, bytesRead);
        }
      } finally {
        await handle.close();
      }
    },
  };
}

function copyOf(directory: string, host = 'arch1'): BackupCopy {
  const manifest = readFileSync(join(directory, 'backup_manifest'));
  const names = [...readdirSync(directory).filter((name) => name !== 'global'), 'global/pg_control'];
  const timeline = timelineFromNumber(1)!;
  const backup: SurveyedBackup = {
    name: 'data.master.1',
    number: 1,
    state: 'complete',
    start: { timeline, lsn: lsnIn(32) },
    stop: { timeline, lsn: lsnIn(33) },
    startedMs: backupMs,
    endedMs: backupMs,
    sizeBytes: undefined,
    sourceBytes: undefined,
    fileCount: undefined,
    serverVersion: 150_004,
    manifestSha256: createHash('sha256').update(manifest).digest('hex'),
    parent: undefined,
    problem: undefined,
    files: names.map((name) => ({ name, sizeBytes: statSync(join(directory, name)).size })),
  };
  return { source: sourceOf(directory, host), backup };
}

/** All that is below a directory: files with their content, links with where they lead, directories with "dir". */
export function treeOf(directory: string, below = ''): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(join(directory, below), { withFileTypes: true })) {
    const name = below === '' ? entry.name : `${below}/${entry.name}`;
    const path = join(directory, name);
    if (entry.isDirectory()) Object.assign(found, { [name]: 'dir' }, treeOf(directory, name));
    else if (entry.isSymbolicLink()) found[name] = `-> ${readlinkSync(path)}`;
    else if (entry.isFile()) found[name] = readFileSync(path, 'latin1');
    else found[name] = 'something else';
  }
  return found;
}
