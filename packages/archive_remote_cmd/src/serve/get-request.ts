import { AcceptedHoles, describeAcceptance } from '@archive2/core/archive/accepted-holes.ts';
import { findLaterWal } from '@archive2/core/archive/find-later-wal.ts';
import { speaksForBoth } from '@archive2/core/archive/speaks-for-both.ts';
import type { StoredFile } from '@archive2/core/archive/stored-file.ts';
import type { FrameWriter } from '@archive2/core/hosts/frame-writer.ts';
import type { ClientMessageOf, ServerMessageOf } from '@archive2/core/protocol/messages.ts';
import { acceptedHoleOf } from '@archive2/core/wal/accepted-hole.ts';
import { type ArchiveFile, parseArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import { checkRight } from './put-check.ts';
import { sendContent } from './send-bytes.ts';
import type { ServeContext } from './serve-context.ts';

/**
 * Sends a stored file as it is stored, or says that the archive does not have it, which only an archive that knows whose
 * it is, and can be listed, may say. Throws Failure when it cannot say.
 */
export async function sendFile(
  context: ServeContext,
  writer: FrameWriter,
  request: ClientMessageOf<'get'>,
): Promise<void> {
  const { file, stored } = await openWanted(context, request);
  if (stored === undefined) {
    writer.send({ type: 'absent', id: request.id, ...(await whyAbsent(context, file, request.poll === true)) });
    return;
  }
  try {
    writer.send({ type: 'found', id: request.id, modifiedMs: Math.max(0, stored.modifiedMs) });
    await sendContent(writer, request.id, stored);
  } finally {
    await stored.close();
  }
}

/** Says whether the archive has a file, and sends nothing of it. Throws Failure when it cannot say. */
export async function lookForFile(
  context: ServeContext,
  request: ClientMessageOf<'look'>,
): Promise<ServerMessageOf<'found'> | ServerMessageOf<'absent'>> {
  const { id } = request;
  const { file, stored } = await openWanted(context, request);
  if (stored === undefined) return { type: 'absent', id, ...(await whyAbsent(context, file, true)) };
  await stored.close();
  return { type: 'found', id, modifiedMs: Math.max(0, stored.modifiedMs) };
}

/** The file that a request names, open; `stored` is undefined where the archive does not have it. */
async function openWanted(
  { rights, store }: ServeContext,
  { name, systemIdentifier }: { name: string; systemIdentifier?: string },
): Promise<{ file: ArchiveFile; stored: StoredFile | undefined }> {
  checkRight(rights, ['get', 'sync'], 'read archive files');
  const file = parseArchiveFileName(name);
  store.checkSystemIdentifier(systemIdentifier, 'the server that asks');
  return { file, stored: await store.openStored(file.name) };
}

/**
 * What makes the absence a hole: later WAL that the archive has; or, where a person has accepted the hole, that. Throws when the
 * archive may not say "no". Listing a large archive takes a while: not for a mere poll.
 */
async function whyAbsent(
  { store, directory, peer }: ServeContext,
  file: ArchiveFile,
  isPoll: boolean,
): Promise<{ later?: string; accepted?: string; speaksFor?: string }> {
  if (isPoll) {
    await store.checkMaySayNo();
    return {};
  }
  const later = await findLaterWal(store, file, await store.namesIfMaySayNo());
  if (later === undefined) {
    return peer !== undefined && (await speaksForBoth(store, file)) ? { speaksFor: peer.name } : {};
  }
  if (file.kind !== 'segment') return { later };
  const accepted = acceptedHoleOf(file.name, await new AcceptedHoles(directory).list());
  return accepted === undefined ? { later } : { accepted: describeAcceptance(accepted) };
}
