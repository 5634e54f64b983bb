import { readManifest } from '../../backups/backup-manifest.ts';
import { checkOrder } from './check-order.ts';
import { type ClaimedTarget, claimTarget } from './claim-target.ts';
import { checkNoServerWasStarted, removeExtracted } from './clean-interrupted.ts';
import { extractCopy } from './extract-copy.ts';
import type { BackupCopy, ExtractedBackup, Extraction } from './extraction.ts';
import { isOfTheSource, refused, toTargetFailure } from './extraction-failure.ts';
import { manifestName } from './fetch-beside.ts';
import { type RestoreMarker, writeRestoreMarker } from './restore-marker.ts';

/**
 * Puts a base backup into a data directory and the directories of its tablespaces: all of it, compared with its manifest, nothing
 * else and nowhere else, durable. The markers stay, for the caller to remove when it has done the rest.
 *
 * Interrupted, it begins anew when it is called again with the same plan: the tar in the middle would have to be read again in any
 * case, base.tar is most of most backups, and after a power cut sizes prove nothing. Once it has ended, a further call finds that
 * out and reads nothing.
 *
 * Throws `restore_refused` before anything was touched; `backup_damaged`, `disk_full`, `disk_error`, what the source throws, or the
 * signal's reason.
 */
export async function extractBackup(extraction: Extraction): Promise<ExtractedBackup> {
  checkOrder(extraction);
  try {
    const claimed = await claimTarget(extraction);
    try {
      checkNoServerWasStarted(claimed.data);
      return (await extractedBefore(extraction, claimed)) ?? (await extractNow(extraction, claimed));
    } finally {
      claimed.close();
    }
  } catch (error) {
    throw toTargetFailure(error, extraction.target);
  }
}

async function extractedBefore(
  { copies: [{ backup }], cluster }: Extraction,
  { data, marker }: ClaimedTarget,
): Promise<ExtractedBackup | undefined> {
  if (marker?.extracted === undefined || !isOf(marker, backup, cluster)) return undefined;
  const path = data.textWayTo(manifestName);
  const manifest = backup.manifestSha256 === undefined ? undefined : await readManifest(path, () => undefined);
  return { ...marker.extracted, manifest, pages: undefined, wasThere: true };
}

function isOf(marker: RestoreMarker, { name, manifestSha256 }: BackupCopy['backup'], cluster: string): boolean {
  return marker.backup === name && marker.manifestSha256 === manifestSha256 && marker.cluster === cluster;
}

async function extractNow(extraction: Extraction, claimed: ClaimedTarget): Promise<ExtractedBackup> {
  const { cluster, planId, target, tablespaces, signal, clock } = extraction;
  checkTablespacesOf(claimed.marker, extraction);
  const [first, ...others] = extraction.copies;
  const directories = [claimed.data, ...claimed.tablespaces.values()];
  for (const directory of directories) directory.keepToOurselves();
  if (claimed.marker !== undefined) await removeExtracted(directories, planId, signal);
  const marker: RestoreMarker = {
    planId,
    cluster,
    backup: first.backup.name,
    manifestSha256: first.backup.manifestSha256,
    startedMs: clock.nowMs(),
    extracted: undefined,
    target,
    tablespaces: Object.fromEntries(tablespaces),
  };
  // The data directory's first: it names those of the tablespaces.
  for (const directory of directories) await writeRestoreMarker(directory.textWayTo(), marker, clock.nowMs());
  const copies = [first, ...others.filter((copy) => isSame(copy, first))];
  const extracted = await extractAny(copies, extraction, claimed);
  const { host, fileCount, contentBytes } = extracted;
  const done = { ...marker, extracted: { host, fileCount, contentBytes } };
  await writeRestoreMarker(claimed.data.textWayTo(), done, clock.nowMs());
  return extracted;
}

/** The next copy is tried when the fault may be of this one or of its host. */
async function extractAny(
  [copy, ...others]: readonly BackupCopy[],
  extraction: Extraction,
  claimed: ClaimedTarget,
): Promise<ExtractedBackup> {
  try {
    return await extractCopy(copy as BackupCopy, extraction, claimed);
  } catch (error) {
    extraction.signal.throwIfAborted();
    if (others.length === 0 || !isOfTheSource(error)) throw error;
    await removeExtracted([claimed.data, ...claimed.tablespaces.values()], extraction.planId, extraction.signal);
    return await extractAny(others, extraction, claimed);
  }
}

/** What an earlier call put into a directory that this one does not name would be left there. */
function checkTablespacesOf(marker: RestoreMarker | undefined, { tablespaces, target }: Extraction): void {
  const places = Object.entries(marker?.tablespaces ?? {});
  if (places.every(([oid, path]) => tablespaces.get(oid) === path)) return;
  throw refused(
    `the restore that was begun in ${target} put its tablespaces elsewhere`,
    'Give the same directories for them again, or remove what it left first.',
  );
}

/** Numbers are each host's own, so only the manifest tells whether two backups are the same. */
function isSame({ backup }: BackupCopy, first: BackupCopy): boolean {
  return backup.manifestSha256 !== undefined && backup.manifestSha256 === first.backup.manifestSha256;
}
