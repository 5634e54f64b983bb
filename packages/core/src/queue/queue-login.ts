import { readLocalIdentity } from '../hosts/local-identity.ts';
import type { QueueLogin } from './open-queue.ts';

/** To one server of a queue. */
const CONNECT_TIMEOUT_MS = 5_000;

/** How this process's account logs in to a queue; `command` is seen in pg_stat_activity. */
export async function readQueueLogin(
  command: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<QueueLogin> {
  const { userName, homeDirectory } = await readLocalIdentity();
  return { environment, userName, homeDirectory, applicationName: command, connectTimeoutMs: CONNECT_TIMEOUT_MS };
}
