import { listArchiveNames } from '@archive2/core/archive/newest-segments.ts';
import { Tombstones } from '@archive2/core/archive/tombstones.ts';
import type { ClientMessageOf, ServerMessageOf } from '@archive2/core/protocol/messages.ts';
import { newestNames } from '../pay/unmarked-debts.ts';
import { checkRight } from './put-check.ts';
import type { ServeContext } from './serve-context.ts';

/** What fits in one frame header. */
const maxNames = 1024;

/** The newest of the names that are here or were cleaned up here: who compares must not take the latter for missing. */
export async function listNewest(
  context: ServeContext,
  request: ClientMessageOf<'list'>,
): Promise<ServerMessageOf<'names'>> {
  checkRight(context.rights, ['sync'], 'list the archive');
  const names = await listArchiveNames(context.directory.walDirectory);
  const present = new Set(names);
  const removed = await new Tombstones(context.directory).names(present);
  const newest = newestNames([...names, ...removed], Math.min(request.newest, maxNames));
  return {
    type: 'names',
    id: request.id,
    names: newest.filter((name) => present.has(name)),
    removed: newest.filter((name) => removed.has(name)),
  };
}
