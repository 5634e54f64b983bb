import { OwedFiles } from '@archive2/core/archive/owed-files.ts';
import type { ClientMessageOf, ServerMessageOf } from '@archive2/core/protocol/messages.ts';
import { parseArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import { checkRight } from './put-check.ts';
import type { ServeContext } from './serve-context.ts';

/** Drops the debts of files that the peer says it holds: it is the peer's word that pays any debt. */
export async function settle(
  { rights, directory, log }: ServeContext,
  { id, names }: ClientMessageOf<'settle'>,
): Promise<ServerMessageOf<'settled'>> {
  checkRight(rights, ['sync'], 'settle debts');
  const files = names.map(parseArchiveFileName);
  const count = await new OwedFiles(directory).settle(files.map(({ name }) => name));
  if (count > 0) log.info('debts settled by the peer', { count });
  return { type: 'settled', id, count };
}
