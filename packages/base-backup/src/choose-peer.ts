import { readSettingsFile } from '@archive2/core/cli/settings-file.ts';
import type { BackupSettings } from './options.ts';

/**
 * How the other archive host is reached: as it was said, else as archive_remote_cmd here is configured, else by the name that the
 * queue has for it. Undefined where there is none, or none is known.
 */
export function choosePeer({ peer, hasNoPeer }: BackupSettings, namesInQueue: readonly string[]): string | undefined {
  if (hasNoPeer) return undefined;
  const configured = readSettingsFile('/etc/default/archive_remote_cmd')['peer'];
  return [peer, configured, ...namesInQueue].find((name) => name !== undefined && name !== '');
}
