import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { backupDamaged } from '../../backups/backup-damage.ts';
import { type BackupManifest, readManifest } from '../../backups/backup-manifest.ts';
import { BoundedMember } from '../../backups/bounded-member.ts';
import type { ClusterIdentity } from '../../wal/cluster-identity.ts';
import type { AnchoredDirectory } from './anchored-directory.ts';
import { type ControlFile, parseControlFile } from './control-file.ts';
import type { BackupCopy, FileOwner } from './extraction.ts';
import { toBackupDamage } from './extraction-failure.ts';
import { ManifestBook } from './manifest-book.ts';

export const manifestName = 'backup_manifest';
const controlName = 'global/pg_control';
const largestControlBytes = 2 ** 14;

/** A backup's manifest, and what it lists. */
export interface FetchedManifest {
  readonly manifest: BackupManifest;
  readonly book: ManifestBook;
}

/**
 * Brings the manifest into the data directory, durably, and reads it; undefined for a backup that has none. Throws `backup_damaged`
 * unless it is the one that the host's record names, of this cluster.
 */
export async function fetchManifest(
  copy: BackupCopy,
  directory: AnchoredDirectory,
  { owner, identity, signal }: { owner: FileOwner | undefined; identity: ClusterIdentity; signal: AbortSignal },
): Promise<FetchedManifest | undefined> {
  const { backup, source } = copy;
  if (!backup.files.some(({ name }) => name === manifestName)) {
    if (backup.manifestSha256 === undefined) return undefined;
    throw toBackupDamage(backupDamaged(`has no ${manifestName}`), copy, manifestName);
  }
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const handle = await open(directory.wayTo(manifestName), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    const sha256 = await copyTo(handle, source.read(manifestName, signal));
    if (owner !== undefined) await handle.chown(owner.uid, owner.gid);
    await handle.sync();
    if (backup.manifestSha256 !== undefined && sha256 !== backup.manifestSha256) {
      throw backupDamaged(`has a ${manifestName} with another SHA-256 than backup.json says`);
    }
    const book = new ManifestBook();
    const manifest = await readManifest(directory.textWayTo(manifestName), (file) => book.list(file));
    const { systemIdentifier } = manifest;
    if (systemIdentifier !== undefined && systemIdentifier !== identity.systemIdentifier) {
      throw backupDamaged(`has a manifest of the cluster ${systemIdentifier}, not ${identity.systemIdentifier}`);
    }
    return { manifest, book };
  } catch (error) {
    throw toBackupDamage(error, copy, manifestName);
  } finally {
    await handle.close();
  }
}

async function copyTo(handle: FileHandle, pieces: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of pieces) {
    hash.update(piece);
    for (let at = 0; at < piece.length; ) at += (await handle.write(piece, at)).bytesWritten;
  }
  return hash.digest('hex');
}

/** What the pg_control beside the tars says; undefined where there is none. Throws `backup_damaged`. */
export async function fetchControlFile(copy: BackupCopy, signal: AbortSignal): Promise<ControlFile | undefined> {
  if (!copy.backup.files.some(({ name }) => name === controlName)) return undefined;
  const content = new BoundedMember(controlName, largestControlBytes);
  try {
    for await (const piece of copy.source.read(controlName, signal)) content.take(piece);
    return parseControlFile(content.content());
  } catch (error) {
    throw toBackupDamage(error, copy, controlName);
  }
}
