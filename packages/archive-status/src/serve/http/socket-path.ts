import { chmod, lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { Failure, systemErrorCode } from '@archive2/core/base/failure.ts';

/**
 * Removes the socket that a server left which is gone. Throws Failure `busy` when somebody listens there, `usage` when the path is
 * something else than a socket, which is never removed.
 */
export async function clearSocketPath(path: string): Promise<void> {
  try {
    if (!(await lstat(path)).isSocket()) throw new Failure('usage', `${path} is there and is no socket`);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return;
    throw error;
  }
  if (await isAnswered(path)) throw new Failure('busy', `another process listens on ${path}`);
  await unlink(path);
}

/** Owner and group may connect; by default the owner's group is nobody else's. */
export async function openToGroup(path: string): Promise<void> {
  await chmod(path, 0o660);
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', (error) => {
      const code = systemErrorCode(error);
      // Gone between the look and the call, or nobody is behind it.
      if (code === 'ECONNREFUSED' || code === 'ENOENT') resolve(false);
      else reject(error);
    });
  });
}
