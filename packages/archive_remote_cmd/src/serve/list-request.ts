import { listArchiveNames } from '@archive2/core/archive/newest-segments.ts';
import type { ClientMessageOf, ServerMessageOf } from '@archive2/core/protocol/messages.ts';
import { newestNames } from '../pay/unmarked-debts.ts';
import { checkRight } from './put-check.ts';
import type { ServeContext } from './serve-context.ts';

/** What fits in one frame header. */
const maxNames = 1024;

export async function listNewest(
  context: ServeContext,
  request: ClientMessageOf<'list'>,
): Promise<ServerMessageOf<'names'>> {
  checkRight(context.rights, ['sync'], 'list the archive');
  const names = await listArchiveNames(context.directory.walDirectory);
  return { type: 'names', id: request.id, names: newestNames(names, Math.min(request.newest, maxNames)) };
}
