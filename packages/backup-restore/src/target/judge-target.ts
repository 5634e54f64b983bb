import { Failure } from '@archive2/core/base/failure.ts';
import { describeServer } from './server-signs.ts';
import type { TargetFacts } from './target-facts.ts';

/**
 * make: it is not there. fill: it is there and empty. move: an old directory goes aside first. redo: a restore that was interrupted has
 * left it; what it wrote is used, or removed. resume: the files are complete, its server was not started or not done.
 */
export type TargetUse = 'make' | 'fill' | 'move' | 'redo' | 'resume';

export interface TargetWish {
  readonly keepOld: boolean;
  /** Of the account that the server will run as. */
  readonly uid: number;
  /** Of this restore. */
  readonly planId: string;
  readonly recovery: string;
  /** What an old directory would be called. */
  readonly asideName: string;
}

/** What is done with the place that is restored to. Throws Failure `restore_refused` where it must not be touched. Pure. */
export function judgeTarget(facts: TargetFacts, wish: TargetWish): TargetUse {
  const { path, kind, marker, note } = facts;
  const isOurs = note?.planId === wish.planId && note.state !== 'done' && note.recovery === wish.recovery;
  const server = describeServer(facts.server);
  if (server !== undefined) {
    if (isOurs) return 'resume';
    throw refusal(
      `${server}: ${path}`,
      'Stop it first, for instance with pg_ctl stop or systemctl stop, and make sure it is the right one.',
    );
  }
  if (kind === 'not a directory')
    throw refusal(`${path} is there, and is no directory`, 'Name another place with --to.');
  if (kind === 'absent' && !facts.parentExists) {
    throw refusal(
      `the directory above ${path} is not there`,
      'Is the disk mounted? Else make it first, for the account that runs the server.',
    );
  }
  const isInTheWay = kind === 'occupied' && marker === undefined && !isOurs;
  if (isInTheWay && facts.hasLostAndFound) {
    throw refusal(
      `${path} is the top of a file system: it holds lost+found`,
      `Restore into a directory in it, as --to ${path}/data.`,
    );
  }
  if (isInTheWay && wish.keepOld && facts.isMountPoint) {
    throw refusal(
      `${path} is a mount point, and cannot be moved aside`,
      `Move what it holds into a directory in it by hand, or restore to a directory in it, as --to ${path}/data.`,
    );
  }
  if ((kind === 'absent' || (isInTheWay && wish.keepOld)) && !facts.isParentWritable) {
    throw refusal(
      `nothing can be made beside ${path}`,
      `The directory above it must be writable for the account that runs the server, or ${path} be there, empty and its own.`,
    );
  }
  if (kind === 'absent') return 'make';
  if (facts.ownerUid !== wish.uid) {
    throw refusal(
      `${path} belongs to another account (uid ${facts.ownerUid})`,
      'Run this as its owner, or as root with --owner NAME; or give the directory to the right account.',
    );
  }
  if (kind === 'empty') return 'fill';
  if (marker !== undefined) return 'redo';
  if (isOurs) return 'resume';
  if (!wish.keepOld) {
    throw refusal(
      `${path} is not empty`,
      `With --keep-old it is moved to ${wish.asideName} first; nothing of it is removed. Or name another place with --to.`,
    );
  }
  return 'move';
}

/** "/var/lib/postgresql/15/main.before-20261121T031500Z". Pure. */
export function asideNameOf(path: string, nowMs: number): string {
  const stamp = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '');
  return `${path}.before-${stamp}`;
}

function refusal(message: string, hint: string): Failure {
  return new Failure('restore_refused', message, { hint });
}
