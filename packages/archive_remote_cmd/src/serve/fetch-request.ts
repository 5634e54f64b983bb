import { openBackupFile } from '@archive2/core/backups/open-backup-file.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import type { FrameWriter } from '@archive2/core/hosts/frame-writer.ts';
import type { ClientMessageOf } from '@archive2/core/protocol/messages.ts';
import { checkRight } from './put-check.ts';
import { sendContent } from './send-bytes.ts';
import type { ServeContext } from './serve-context.ts';

/** Sends one plain file of a complete base backup as it is stored, from an offset on. */
export async function sendBackupFile(
  { rights, store, clock, activity }: ServeContext,
  writer: FrameWriter,
  { id, backup, file, offset = 0 }: ClientMessageOf<'fetch'>,
): Promise<void> {
  checkRight(rights, ['get', 'sync'], 'read base backups');
  const { directory, identity } = store;
  if (identity === undefined) {
    throw new Failure(
      'not_initialized',
      `${directory.path} has no cluster.json, so nobody knows whose its backups are`,
    );
  }
  const opened = await openBackupFile(directory, identity, { backup, file }, { nowMs: clock.nowMs(), activity });
  try {
    if (offset > opened.sizeBytes)
      throw new Failure('usage', `${file} of ${backup} has ${opened.sizeBytes} bytes only`);
    writer.send({ type: 'found', id, modifiedMs: Math.max(0, opened.modifiedMs) });
    await sendContent(writer, id, opened, offset);
  } finally {
    await opened.close();
  }
}
