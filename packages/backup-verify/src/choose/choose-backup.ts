import type { ArchivePlace } from '@archive2/core/backups/archive-place.ts';
import type { HostSurvey, SurveyedBackup } from '@archive2/core/backups/host-survey.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import type { RecordedDrill } from '@archive2/core/restore/drill/drill-store.ts';
import type { WalPlace } from '@archive2/core/wal/backup-label.ts';

/** Which backup is restored. `rotate`: the one that was never drilled, or longest ago. */
export type DrillWish =
  | { readonly kind: 'newest' }
  | { readonly kind: 'rotate' }
  | { readonly kind: 'named'; readonly host: string | undefined; readonly name: string };

export interface SurveyedPlace {
  readonly place: ArchivePlace;
  readonly survey: HostSurvey;
}

interface Candidate extends SurveyedPlace {
  readonly backup: SurveyedBackup;
}

/** Backups that carry a backup's name and nobody can restore, for the report: they may be what somebody relies on. Pure. */
export function describeUnusable(hosts: readonly SurveyedPlace[]): string[] {
  return hosts.flatMap(({ place, survey }) =>
    survey.backups.flatMap(({ name, state, problem }) =>
      problem === undefined || state === 'partial' ? [] : [`${name} of ${place.name} cannot be restored: ${problem}`],
    ),
  );
}

/** A backup that can be restored: its place in the WAL is known. */
export interface ChosenBackup extends SurveyedPlace {
  readonly backup: SurveyedBackup & { readonly start: WalPlace; readonly stop: WalPlace };
}

/**
 * The backup to restore. The hosts take turns: the newest is that of the host that the last drill did not read from, if it has one. A
 * backup that counts as complete and cannot be used is not passed over: throws `drill_failed` for it, and when there is none. Pure.
 */
export function chooseBackup(
  hosts: readonly SurveyedPlace[],
  wish: DrillWish,
  past: readonly RecordedDrill[],
): ChosenBackup {
  const complete = hosts.flatMap((host) =>
    host.survey.backups
      .filter(({ state, parent }) => state === 'complete' && parent === undefined)
      .map((backup): Candidate => ({ ...host, backup })),
  );
  const [candidate] = inOrder(complete, wish, past);
  if (candidate === undefined) throw noBackup(hosts, wish);
  const { backup, place } = candidate;
  const { start, stop, problem } = backup;
  if (problem === undefined && start !== undefined && stop !== undefined) {
    return { ...candidate, backup: { ...backup, start, stop } };
  }
  const why = problem ?? 'it does not say where its WAL begins and ends';
  throw new Failure(
    'drill_failed',
    `${backup.name} of ${place.name} counts as complete and cannot be restored: ${why}`,
    {
      hint: lookAtIt,
    },
  );
}

const lookAtIt = 'Look at its directory. Without a label and a record that fit nobody can restore it.';

function inOrder(complete: readonly Candidate[], wish: DrillWish, past: readonly RecordedDrill[]): Candidate[] {
  if (wish.kind === 'named') return complete.filter((candidate) => isNamed(candidate, wish)).toSorted(newestFirst);
  if (wish.kind === 'rotate') {
    const last = (candidate: Candidate) => lastDrillMs(candidate, past);
    return complete.toSorted((a, b) => last(a) - last(b) || a.backup.startedMs - b.backup.startedMs);
  }
  const lastHost = past.find(({ backup }) => backup !== undefined)?.backup?.host;
  const isLast = ({ place }: Candidate) => Number(place.name === lastHost);
  return complete.toSorted((a, b) => isLast(a) - isLast(b) || newestFirst(a, b));
}

function newestFirst(a: Candidate, b: Candidate): number {
  return b.backup.startedMs - a.backup.startedMs || Number(b.place.isLocal) - Number(a.place.isLocal);
}

function isNamed({ place, backup }: Candidate, { host, name }: { host: string | undefined; name: string }): boolean {
  if (backup.name !== name && String(backup.number) !== name) return false;
  return host === undefined || host === place.name || host === place.name.replace(/^[^@]*@/, '').replace(/:\d+$/, '');
}

/** Of this very backup, by its manifest where it has one: numbers are given again after a host was replaced. */
function lastDrillMs({ place, backup }: Candidate, past: readonly RecordedDrill[]): number {
  const drills = past.filter(({ backup: drilled }) => {
    if (drilled === undefined) return false;
    if (backup.manifestSha256 !== undefined) return drilled.manifestSha256 === backup.manifestSha256;
    return drilled.name === backup.name && drilled.host === place.name;
  });
  return Math.max(0, ...drills.map(({ startedMs }) => startedMs));
}

function noBackup(hosts: readonly SurveyedPlace[], wish: DrillWish): Failure {
  const unusable = hosts.flatMap((host) => {
    const named = wish.kind === 'named' && host.survey.backups.filter((backup) => isNamed({ ...host, backup }, wish));
    return describeUnusable(named ? [{ ...host, survey: { ...host.survey, backups: named } }] : []);
  });
  if (unusable[0] !== undefined) return new Failure('drill_failed', unusable[0], { hint: lookAtIt });
  const names = hosts.map(({ place }) => place.name).join(' and ');
  const what = wish.kind === 'named' ? `no complete base backup ${wish.name}` : 'no complete base backup';
  return new Failure('drill_failed', `${names} ${hosts.length === 1 ? 'has' : 'have'} ${what}`, {
    hint: 'Nothing can be restored from there. Take one with base-backup.',
  });
}
