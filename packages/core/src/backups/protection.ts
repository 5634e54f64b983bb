import type { WalPlace } from '../wal/backup-label.ts';
import { isExpired, type Pin } from './pins.ts';
import type { StoredBackup } from './read-backup.ts';

/** Something for whose sake WAL is kept. */
export interface Protection {
  /** The archive host that has it, as people know it. */
  readonly host: string;
  /** What it is: "backup data.master.3", "pin of db2". */
  readonly holder: string;
  /** All WAL from the segment of this place on is needed, on whatever timeline; undefined: it is not known, so all WAL is. */
  readonly from: WalPlace | undefined;
  /** With `from` unknown: why, and where to look. */
  readonly unreadable: string | undefined;
  /** A complete backup: where there is none, nothing may be removed. */
  readonly permits: boolean;
  /** Of a backup: when it was begun, in milliseconds. */
  readonly startedMs: number | undefined;
}

/**
 * What a host's backups and pins protect. Everything protects that is or may become a backup, readable or not; only an abandoned
 * partial backup, which can never become one, and a pin whose time is over do not.
 */
export function protectionsOf(
  host: string,
  backups: readonly StoredBackup[],
  pins: readonly Pin[],
  nowMs: number,
): Protection[] {
  const ofBackups = backups
    .filter(({ state }) => state !== 'abandoned')
    .map(({ name, path, state, start, unreadable, startedMs }) => ({
      host,
      holder: `backup ${name}`,
      from: start,
      unreadable: unreadable === undefined ? undefined : `${path}: ${unreadable}`,
      permits: state === 'complete' && start !== undefined,
      startedMs,
    }));
  const ofPins = pins
    .filter((pin) => !isExpired(pin, nowMs))
    .map(({ holder, from }) => ({
      host,
      holder: `pin of ${holder}`,
      from,
      unreadable: undefined,
      permits: false,
      startedMs: undefined,
    }));
  return [...ofBackups, ...ofPins];
}
