import type { JoinedWal } from '@archive2/core/backups/joined-wal.ts';
import { wayTo } from '@archive2/core/backups/way-to.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import type { RecoveryTarget } from '@archive2/core/restore/server/recovery-target.ts';
import { describeTarget } from '@archive2/core/restore/server/recovery-target.ts';
import { compareLsn, formatLsn } from '@archive2/core/wal/lsn.ts';
import type { TimelineId } from '@archive2/core/wal/timeline-id.ts';
import { formatMoment } from './moment-text.ts';
import type { Candidate, SurveyedPlace } from './restore-plan.ts';
import type { NamedBackup, RestoreWish } from './restore-wish.ts';

/**
 * What the clocks of an archive host and of a primary may differ by: a backup that ended closer before the target than this may,
 * by the primary's clock, have ended after it.
 */
const clockMarginMs = 30_000;

export interface ChosenBackup {
  readonly candidate: Candidate;
  readonly warnings: readonly string[];
}

/** The complete backups that can be restored at all: full ones, whose start and end are known. */
export function listCandidates(hosts: readonly SurveyedPlace[]): Candidate[] {
  return hosts.flatMap(({ place, survey }) =>
    survey.backups.flatMap((backup): Candidate[] => {
      const { state, problem, parent, start, stop } = backup;
      if (state !== 'complete' || problem !== undefined || parent !== undefined) return [];
      return start === undefined || stop === undefined ? [] : [{ place, backup: { ...backup, start, stop } }];
    }),
  );
}

/**
 * The newest backup from which the target can be reached: one on the way to the timeline, that ends before the target. Newer is what
 * ends at a later LSN, as hosts' clocks differ. Throws Failure `restore_refused` when there is none. Pure.
 */
export function chooseBackup(
  candidates: readonly Candidate[],
  wish: RestoreWish,
  timeline: TimelineId,
  wal: JoinedWal,
): ChosenBackup {
  const named = wish.backup === undefined ? candidates : [pickNamed(candidates, wish.backup)];
  if (named.length === 0) {
    throw refusal(
      'no host that answers has a complete base backup',
      'Take one with base-backup; "--list" shows what is there.',
    );
  }
  const onTheWay = named.filter(({ backup }) => wayTo(timeline, backup.stop, wal) !== undefined);
  if (onTheWay.length === 0) throw noneOnTheWay(named, timeline);
  const newestFirst = onTheWay.toSorted(byNewest);
  const fitting = newestFirst.filter(({ backup }) => endsBefore(backup, wish.target));
  const [newest] = fitting;
  if (newest === undefined) throw allEndLater(newestFirst, wish.target);
  return { ...leaveMargin(newest, fitting, wish), warnings: warningsOf(newest, fitting, wish) };
}

/** Newest first; of the same, those of this machine. */
export function byNewest(a: Candidate, b: Candidate): number {
  return compareLsn(b.backup.stop.lsn, a.backup.stop.lsn) || Number(b.place.isLocal) - Number(a.place.isLocal);
}

function endsBefore({ stop, endedMs }: Candidate['backup'], target: RecoveryTarget): boolean {
  if (target.kind === 'lsn') return stop.lsn <= target.lsn;
  if (target.kind === 'time') return endedMs !== undefined && endedMs <= target.timeMs;
  return true;
}

/** Of backups that end before a moment, the newest that does so by every clock; the newest of all where none does. */
function leaveMargin(
  newest: Candidate,
  fitting: readonly Candidate[],
  { target }: RestoreWish,
): { candidate: Candidate } {
  if (target.kind !== 'time') return { candidate: newest };
  return { candidate: fitting.find((candidate) => isClear(candidate, target.timeMs)) ?? newest };
}

function isClear({ backup }: Candidate, timeMs: number): boolean {
  return (backup.endedMs ?? Number.POSITIVE_INFINITY) <= timeMs - clockMarginMs;
}

function warningsOf(newest: Candidate, fitting: readonly Candidate[], { target, backup }: RestoreWish): string[] {
  if (target.kind === 'xid' || target.kind === 'name') {
    if (backup !== undefined) return [];
    const what = describeTarget(target);
    return [
      `Nobody can know before whether ${what} comes after ${nameOf(newest)}; if not, name an older one with --backup.`,
    ];
  }
  if (target.kind !== 'time' || isClear(newest, target.timeMs)) return [];
  const seconds = Math.round((target.timeMs - (newest.backup.endedMs ?? 0)) / 1000);
  const close = `${nameOf(newest)} ended ${seconds} s before the target by its host's clock`;
  return fitting.some((candidate) => isClear(candidate, target.timeMs))
    ? [`${close}, which is too close to trust: an older one is used. --backup takes it all the same.`]
    : [
        `${close}. Where the clocks differ by more, PostgreSQL refuses the target: then name an older one with --backup.`,
      ];
}

/** "data.master.7 of arch1" */
function nameOf({ place, backup }: Candidate): string {
  return `${backup.name} of ${place.name}`;
}

function pickNamed(candidates: readonly Candidate[], { host, name }: NamedBackup): Candidate {
  const matches = candidates.filter(({ place, backup }) => {
    const isNamed = backup.name === name || String(backup.number) === name;
    return isNamed && (host === undefined || [place.name, hostPart(place.name)].includes(host));
  });
  const [only, other] = matches;
  const text = host === undefined ? name : `${host}:${name}`;
  if (only === undefined) {
    throw refusal(`no host that answers has a complete base backup ${text}`, '"--list" shows what is there.');
  }
  if (other !== undefined && !isSameBackup(only, other)) {
    const names = matches.map(({ place, backup }) => `${hostPart(place.name)}:${backup.name}`).join(' or ');
    throw refusal(`${text} is a backup of both hosts`, `Say which one: --backup ${names}.`);
  }
  return only;
}

/** True for two copies of one backup. */
export function isSameBackup(a: Candidate, b: Candidate): boolean {
  const digest = a.backup.manifestSha256;
  return digest !== undefined && digest === b.backup.manifestSha256 && a.backup.name === b.backup.name;
}

/** "arch1" of "archive@arch1:22". */
function hostPart(name: string): string {
  return name.startsWith('/') ? name : name.replace(/^[^@]*@/, '').replace(/:\d+$/, '');
}

function noneOnTheWay(named: readonly Candidate[], timeline: TimelineId): Failure {
  const others = [...new Set(named.map(({ backup }) => backup.stop.timeline))].toSorted((a, b) => a - b);
  return refusal(
    `no backup leads to timeline ${timeline}: ${named.map(nameOf).join(', ')} lie on other branches, or after the point where it branched`,
    `Recover along another timeline, as with --timeline ${others.join(' or ')}, or take a backup of the server that runs on ${timeline}.`,
  );
}

function allEndLater(newestFirst: readonly Candidate[], target: RecoveryTarget): Failure {
  const oldest = newestFirst.at(-1);
  const { stop, endedMs } = oldest?.backup ?? {};
  const since = target.kind === 'lsn' ? (stop === undefined ? '' : formatLsn(stop.lsn)) : formatMoment(endedMs ?? 0);
  return refusal(
    `${describeTarget(target)} is before the end of every backup that leads there`,
    `The oldest, ${oldest === undefined ? 'none' : nameOf(oldest)}, ended at ${since}: that is the earliest point that can be restored.`,
  );
}

function refusal(message: string, hint: string): Failure {
  return new Failure('restore_refused', message, { hint });
}
