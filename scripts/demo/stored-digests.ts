import { join } from 'node:path';
import { digestStored, StoredFile } from '../../packages/core/src/archive/stored-file.ts';
import { Activity } from '../../packages/core/src/base/activity.ts';
import { parseArchiveFileName } from '../../packages/core/src/wal/archive-file.ts';
import { parseSegmentSize } from '../../packages/core/src/wal/segment-size.ts';
import type { ArchiveHost } from '../../test/support/archive-host.ts';
import type { ArchiveStand } from '../../test/support/archive-stand.ts';
import { archivedNames, SEGMENT_MB } from './scene.ts';

/**
 * The SHA-256 of the decoded content of every archive file on a host, by name.
 * @throws Failure when one is damaged, or is not a whole file.
 */
export async function storedDigests(archive: ArchiveStand, host: ArchiveHost): Promise<Map<string, string>> {
  const directory = host.machine.path(archive.walDirectory);
  const digests = new Map<string, string>();
  for (const name of archivedNames(archive, host)) {
    digests.set(name, await digestOf(join(directory, name), name, host.machine.name));
  }
  return digests;
}

async function digestOf(path: string, name: string, hostName: string): Promise<string> {
  const stored = await StoredFile.open(path, new Activity());
  if (stored === undefined) throw new Error(`${name} vanished from ${hostName}`);
  try {
    return (await digestStored(stored, parseArchiveFileName(name), parseSegmentSize(SEGMENT_MB * 1024 * 1024)))
      .rawDigest;
  } catch (cause) {
    throw new Error(`${name} on ${hostName}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  } finally {
    await stored.close();
  }
}
