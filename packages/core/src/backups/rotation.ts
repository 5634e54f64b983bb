import type { WalPlace } from '../wal/backup-label.ts';
import { segmentNumberOfLsn } from '../wal/segment-position.ts';
import type { SegmentSize } from '../wal/segment-size.ts';
import { isExpired, type Pin } from './pins.ts';
import type { StoredBackup } from './read-backup.ts';

export interface RotationPlan {
  /** Oldest first. */
  readonly remove: readonly StoredBackup[];
  /** What would go but for somebody who needs it. */
  readonly spared: ReadonlyArray<{ readonly backup: StoredBackup; readonly why: string }>;
}

/**
 * What a rotation removes: all complete backups but the newest `keep`, which is at least 1. A backup stays for a later one that builds
 * on it, and while a restore or a drill of it is under way, which pins where its WAL begins, or names it. What is not complete, and a
 * directory with a name of its own, is for a person to remove. Pure.
 */
export function planRotation(
  backups: readonly StoredBackup[],
  keep: number,
  pins: readonly Pin[],
  { segmentSize, nowMs }: { segmentSize: SegmentSize; nowMs: number },
): RotationPlan {
  const complete = backups
    .filter(({ state, number }) => state === 'complete' && number !== undefined)
    .toSorted((a, b) => (a.number ?? 0) - (b.number ?? 0));
  const surplus = complete.slice(0, Math.max(0, complete.length - Math.max(1, keep)));
  const live = pins.filter((pin) => !isExpired(pin, nowMs));
  const remove: StoredBackup[] = [];
  const spared: { backup: StoredBackup; why: string }[] = [];
  const stay = new Set(backups.filter((backup) => !surplus.includes(backup)));
  // From the newest on: what is spared for its own sake spares what it builds on.
  for (const backup of surplus.toReversed()) {
    const why = reasonToStay(backup, stay, live, segmentSize);
    if (why === undefined) {
      remove.unshift(backup);
      continue;
    }
    stay.add(backup);
    spared.unshift({ backup, why });
  }
  return { remove, spared };
}

function reasonToStay(
  backup: StoredBackup,
  stay: ReadonlySet<StoredBackup>,
  pins: readonly Pin[],
  segmentSize: SegmentSize,
): string | undefined {
  const dependant = [...stay].find(({ record }) => record?.parent === backup.name);
  if (dependant !== undefined) return `${dependant.name} builds on it`;
  const user = pins.find(
    ({ from, holder }) => isAt(from, backup.start, segmentSize) || holder.split(/[\s/]/).includes(backup.name),
  );
  return user === undefined ? undefined : `${user.holder} uses it`;
}

/** A restore pins whole segments: the one in which the backup begins is enough. */
function isAt(from: WalPlace, start: WalPlace | undefined, segmentSize: SegmentSize): boolean {
  if (start === undefined || from.timeline !== start.timeline) return false;
  return segmentNumberOfLsn(from.lsn, segmentSize) === segmentNumberOfLsn(start.lsn, segmentSize);
}
