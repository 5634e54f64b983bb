import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import { type HeldLock, tryLock } from '@archive2/core/files/lock.ts';

/** The lock that makes one payer the only one for a cluster and a peer; undefined when there is one at work. */
export function tryPayerLock(directory: ClusterDirectory, peerName: string): HeldLock | undefined {
  mkdirSync(directory.stateDirectory, { recursive: true, mode: 0o700 });
  return tryLock(join(directory.stateDirectory, `lock.pay.${peerName}`));
}
