import { createHash } from 'node:crypto';
import { readCatalogParts } from '@archive2/core/backups/read-catalog.ts';
import type { FrameWriter } from '@archive2/core/hosts/frame-writer.ts';
import { catalogPieces } from '@archive2/core/protocol/catalog-text.ts';
import type { ClientMessageOf } from '@archive2/core/protocol/messages.ts';
import { checkRight } from './put-check.ts';
import type { ServeContext } from './serve-context.ts';

/** Sends what this host holds, owes, has removed and has accepted as missing, piece by piece at the reader's pace. */
export async function sendCatalog(
  { rights, store, clock, activity }: ServeContext,
  writer: FrameWriter,
  { id }: ClientMessageOf<'catalog'>,
): Promise<void> {
  checkRight(rights, ['sync'], 'list the archive');
  await store.checkDirectory();
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const part of readCatalogParts(store, clock.nowMs())) {
    for (const piece of catalogPieces(part)) {
      hash.update(piece);
      sizeBytes += piece.length;
      writer.send({ type: 'data', id }, piece);
      activity.note();
      await writer.waitForRoom();
    }
  }
  writer.send({ type: 'end', id, sizeBytes, sha256: hash.digest('hex') });
}
