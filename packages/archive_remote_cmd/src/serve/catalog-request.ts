import { readCatalogParts } from '@archive2/core/backups/read-catalog.ts';
import type { Activity } from '@archive2/core/base/activity.ts';
import type { FrameWriter } from '@archive2/core/hosts/frame-writer.ts';
import { type CatalogPart, catalogPieces } from '@archive2/core/protocol/catalog-text.ts';
import type { ClientMessageOf } from '@archive2/core/protocol/messages.ts';
import { checkRight } from './put-check.ts';
import { sendBytes } from './send-bytes.ts';
import type { ServeContext } from './serve-context.ts';

/** Sends what this host holds, owes, has removed and has accepted as missing, piece by piece at the reader's pace. */
export async function sendCatalog(
  { rights, store, clock, activity }: ServeContext,
  writer: FrameWriter,
  { id }: ClientMessageOf<'catalog'>,
): Promise<void> {
  checkRight(rights, ['sync'], 'list the archive');
  await store.checkDirectory();
  await sendBytes(writer, id, piecesOf(readCatalogParts(store, clock.nowMs()), activity));
}

async function* piecesOf(parts: AsyncIterable<CatalogPart>, activity: Activity): AsyncGenerator<Buffer> {
  for await (const part of parts) {
    for (const piece of catalogPieces(part)) {
      activity.note();
      yield piece;
    }
  }
}
