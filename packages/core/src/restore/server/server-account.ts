import { stat } from 'node:fs/promises';
import { Failure } from '../../base/failure.ts';

/**
 * The account that a server of this data directory runs as: its owner, which root becomes. Undefined: it is ours, as we are. Throws
 * Failure `restore_refused` where PostgreSQL would not run: as root, or as another than the owner.
 */
export async function serverAccount(dataDirectory: string): Promise<{ uid: number; gid: number } | undefined> {
  const { uid, gid } = await stat(dataDirectory);
  const ours = process.geteuid?.() ?? -1;
  if (uid === 0) {
    throw new Failure('restore_refused', `${dataDirectory} belongs to root, and PostgreSQL does not run as root`, {
      hint: 'Give it to an unprivileged account, as postgres, and call this again.',
    });
  }
  if (ours === uid) return undefined;
  if (ours === 0) return { uid, gid };
  throw new Failure('restore_refused', `${dataDirectory} belongs to another account (uid ${uid})`, {
    hint: 'Run this as the owner of the directory, or as root.',
  });
}
