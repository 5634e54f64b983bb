import { peerOfThisHost } from '@archive2/core/cli/archive-host-settings.ts';
import type { BackupSettings } from './options.ts';

/**
 * How the other archive host is reached: as it was said, else as archive_remote_cmd here is configured, else by the name that the
 * queue has for it. Undefined where there is none, or none is known.
 */
export function choosePeer({ peer, hasNoPeer }: BackupSettings, namesInQueue: readonly string[]): string | undefined {
  if (hasNoPeer) return undefined;
  return [peer, peerOfThisHost(), ...namesInQueue].find((name) => name !== undefined && name !== '');
}
