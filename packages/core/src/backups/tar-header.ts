import { backupDamaged, shownName } from './backup-damage.ts';

export const tarBlockBytes = 512;

/** One member's header, as PostgreSQL writes it: plain files, directories, and the links of tablespaces. */
export interface TarMember {
  /** Relative, without "." and ".."; a directory's without the slash at its end. Bytes as latin1 characters. */
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'link';
  /** Of the content that follows; 0 for all but files. */
  readonly sizeBytes: number;
}

const kinds: Readonly<Record<string, TarMember['kind']>> = { '0': 'file', '\0': 'file', '5': 'directory', '2': 'link' };

/**
 * Reads a header block; undefined for a block of zeros, of which two end a tar. Only what PostgreSQL writes is taken (src/port/tar.c:
 * ustar, sizes beyond 8 GiB in base 256, no extension headers, names of at most 99 bytes); all else is `backup_damaged`, also a
 * name that would lead out of the directory that the tar is unpacked in.
 */
export function parseTarHeader(block: Buffer): TarMember | undefined {
  if (isZero(block)) return undefined;
  if (readOctal(block, 148, 8) !== checksumOf(block)) throw backupDamaged('has a tar header with a wrong checksum');
  if (block.toString('latin1', 257, 262) !== 'ustar') throw backupDamaged('has a tar header that is not ustar');
  const kind = kinds[String.fromCharCode(block.readUInt8(156))];
  if (kind === undefined) throw backupDamaged(`has a tar member of type ${block.readUInt8(156)}`);
  if (text(block, 345, 155) !== '') throw backupDamaged('has a tar member with a name in two parts');
  const sizeBytes = readSize(block);
  if (kind !== 'file' && sizeBytes !== 0) throw backupDamaged('has a tar member with content that can have none');
  return { name: checkMemberName(text(block, 0, 100), kind), kind, sizeBytes };
}

/** Throws `backup_damaged` for a name that is not plainly below the directory that the tar stands for. */
function checkMemberName(name: string, kind: TarMember['kind']): string {
  // PostgreSQL 15 writes "./pg_wal/archive_status/".
  const plain = name.replace(/^\.\//, '').replace(kind === 'directory' ? /\/$/ : /$/, '');
  const isBelow = plain.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  if (!isBelow) throw backupDamaged(`has a tar member with the name ${shownName(name)}`);
  return plain;
}

export function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

/** The sum of all bytes, the checksum's own counted as spaces. */
function checksumOf(block: Buffer): number {
  let sum = 8 * 32;
  for (let at = 0; at < tarBlockBytes; at += 1) if (at < 148 || at >= 156) sum += block[at] ?? 0;
  return sum;
}

function readSize(block: Buffer): number {
  const first = block.readUInt8(124);
  if (first < 128) return readOctal(block, 124, 12);
  if (first !== 128 || !isZero(block.subarray(125, 128))) throw backupDamaged('has a tar member of an impossible size');
  const size = block.readBigUInt64BE(128);
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw backupDamaged('has a tar member of an impossible size');
  return Number(size);
}

function readOctal(block: Buffer, at: number, length: number): number {
  const digits = block.toString('latin1', at, at + length).replace(/[ \0]+$/, '');
  if (!/^[0-7]+$/.test(digits)) throw backupDamaged('has a tar header with a number that is none');
  return Number.parseInt(digits, 8);
}

function text(block: Buffer, at: number, length: number): string {
  const end = block.indexOf(0, at);
  return block.toString('latin1', at, end < 0 || end > at + length ? at + length : end);
}
