import { findPasswdEntry } from '../base/passwd.ts';
import { quickRead, quickStat } from './file-door.ts';

/** Where an agent's socket and what belongs to it live; undefined when this account can have no such directory. */
export interface StateDirectory {
  path: string;
  /** False: it is not there, or not ours alone, and must not be trusted. */
  isTrusted: boolean;
}

/**
 * The state directory of this process's user: what ARCHIVE2_STATE_DIR names, else `/var/lib/archive2/<user>` if it is there
 * and ours, else `~/.local/state/archive2`; never in /tmp. On the hot path: one small file read and at most two lstat.
 */
export function findStateDirectory(configured: string | undefined): StateDirectory {
  if (configured !== undefined && configured !== '') return { path: configured, isTrusted: isOursAlone(configured) };
  const account = findPasswdEntry(quickRead('/etc/passwd') ?? '', effectiveUserId());
  if (account !== undefined) {
    const packaged = `/var/lib/archive2/${account.userName}`;
    if (isOursAlone(packaged)) return { path: packaged, isTrusted: true };
  }
  const home = account?.homeDirectory ?? '/nonexistent';
  const path = `${home}/.local/state/archive2`;
  return { path, isTrusted: isOursAlone(path) };
}

/** A real directory that belongs to us and that nobody else may enter. */
export function isOursAlone(path: string): boolean {
  const stats = quickStat(path);
  return stats?.isDirectory === true && stats.uid === effectiveUserId() && (stats.mode & 0o077) === 0;
}

/** The state directory that a call names, by its flag or its environment; looked for without parsing the rest. */
export function configuredStateDirectory(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const at = args.findIndex((word) => word === '--state-dir' || word.startsWith('--state-dir='));
  const word = args[at];
  if (word === undefined) return environment['ARCHIVE2_STATE_DIR'];
  return word === '--state-dir' ? args[at + 1] : word.slice('--state-dir='.length);
}

function effectiveUserId(): number {
  return process.geteuid?.() ?? -1;
}
