import type { PlaceAnswer } from '@archive2/core/backups/archive-place.ts';
import { followWal, type MissingWal, type Reach } from '@archive2/core/backups/follow-wal.ts';
import { type JoinedWal, joinWal, newestTimeline } from '@archive2/core/backups/joined-wal.ts';
import { wayTo } from '@archive2/core/backups/way-to.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { describeTarget } from '@archive2/core/restore/server/recovery-target.ts';
import type { ClusterIdentity } from '@archive2/core/wal/cluster-identity.ts';
import { formatLsn } from '@archive2/core/wal/lsn.ts';
import { formatSystemIdentifier } from '@archive2/core/wal/system-identifier.ts';
import type { TimelineId } from '@archive2/core/wal/timeline-id.ts';
import { byNewest, chooseBackup, isSameBackup, listCandidates } from './choose-backup.ts';
import { formatMoment } from './moment-text.ts';
import {
  type Candidate,
  type RestorePlan,
  type SilentPlace,
  type SurveyedPlace,
  splitAnswers,
} from './restore-plan.ts';
import type { RestoreWish } from './restore-wish.ts';

/**
 * Which backup is restored, along which WAL, and what would be lost. Throws Failure `restore_refused`, with what to do, for a wish
 * that what the hosts hold cannot fulfil, and `host_unreachable` when no host answered. Pure.
 */
export function planRestore(cluster: string, answers: readonly PlaceAnswer[], wish: RestoreWish): RestorePlan {
  const { hosts, silent } = splitAnswers(answers);
  const identity = commonIdentity(hosts, silent);
  const wal = joinWal(
    hosts.map(({ survey }) => survey),
    identity.segmentSize,
  );
  const candidates = listCandidates(hosts);
  const timeline = chooseTimeline(wish, wal, candidates);
  const { candidate, warnings } = chooseBackup(candidates, wish, timeline, wal);
  const { backup } = candidate;
  const way = wayTo(timeline, backup.stop, wal) ?? [];
  const reach = followWal(firstNeeded(candidate), way, wal);
  checkReach(wish, reach, silent);
  return {
    wish,
    cluster,
    identity,
    major: majorOf(candidate, identity),
    copies: [candidate, ...candidates.filter((other) => other !== candidate && isSameBackup(candidate, other))],
    timeline,
    reach,
    hosts,
    silent,
    losses: lossesOf(wish, reach, hosts, silent),
    warnings: [...warnings, ...problemsOf(hosts)],
  };
}

function commonIdentity(hosts: readonly SurveyedPlace[], silent: readonly SilentPlace[]): ClusterIdentity {
  const [first, ...others] = hosts;
  if (first === undefined) {
    const reasons = silent.map(({ place, problem }) => `${place.name}: ${problem.message}`).join('; ');
    throw new Failure('host_unreachable', `no archive host answers: ${reasons}`, {
      hint: 'Nothing can be restored without one. If both are lost, see "both are gone" in docs/runbook.md.',
    });
  }
  const identity = first.survey.identity;
  if (identity === undefined) {
    throw new Failure('restore_refused', `the archive on ${first.place.name} is empty`, {
      hint: 'It has never got a segment: check --cluster, and the directory on the host.',
    });
  }
  const stranger = others.find(({ survey }) => {
    const other = survey.identity;
    return other !== undefined && other.systemIdentifier !== identity.systemIdentifier;
  });
  if (stranger !== undefined) {
    throw new Failure('restore_refused', `${first.place.name} and ${stranger.place.name} hold different clusters`, {
      hint: `Name only the host that has yours; ${first.place.name} has system identifier ${formatSystemIdentifier(identity.systemIdentifier)}.`,
    });
  }
  return identity;
}

function chooseTimeline(wish: RestoreWish, wal: JoinedWal, candidates: readonly Candidate[]): TimelineId {
  const newest = newestTimeline(wal);
  if (newest === undefined) {
    throw new Failure('restore_refused', 'the hosts that answer have no WAL', {
      hint: 'Without WAL no backup becomes consistent: bring the other archive host back.',
    });
  }
  if (wish.timeline === 'latest') return newest;
  if (wish.timeline === 'current') {
    // The backup's own; of several, the newest one's.
    const [latest] = candidates.toSorted(byNewest);
    return latest?.backup.start.timeline ?? newest;
  }
  const known = [...new Set([...wal.timelines.keys(), ...wal.descents.keys()])].toSorted((a, b) => a - b);
  if (known.includes(wish.timeline)) return wish.timeline;
  throw new Failure('restore_refused', `no host that answers has timeline ${wish.timeline}`, {
    hint: `There is ${known.join(', ')}.`,
  });
}

/** From its start to its stop a backup brings its own WAL; the segment in which it ends it has in part only. */
function firstNeeded({ backup }: Candidate): Candidate['backup']['start'] {
  const bringsWal = backup.files.some(({ name }) => name.startsWith('pg_wal.tar'));
  return bringsWal ? backup.stop : backup.start;
}

/** Throws unless the WAL leads to the target without a gap. */
function checkReach({ target, isStandby }: RestoreWish, reach: Reach, silent: readonly SilentPlace[]): void {
  if (target.kind === 'immediate') return;
  const { missing, end, endMs } = reach;
  const isPast =
    (target.kind === 'lsn' && target.lsn >= end) ||
    (target.kind === 'time' && (endMs === undefined || target.timeMs > endMs));
  const isOpen = target.kind !== 'lsn' && target.kind !== 'time';
  if (missing !== undefined && missing.accepted === undefined && (isPast || isOpen)) {
    throw acrossHole(missing, silent, describeTarget(target));
  }
  if (!isPast || isStandby) return;
  const others = silent.map(({ place }) => place.name).join(' and ');
  const ends = endMs === undefined ? formatLsn(end) : `${formatLsn(end)}, written until ${formatMoment(endMs)}`;
  throw new Failure('restore_refused', `${describeTarget(target)} is after the end of the archived WAL (${ends})`, {
    hint:
      others === ''
        ? 'To restore all there is, say --latest. WAL that is only on the primary gets here when it archives.'
        : `${others} may have more: bring it back and try again. To restore all that can be reached, say --latest.`,
  });
}

function acrossHole(missing: MissingWal, silent: readonly SilentPlace[], target: string): Failure {
  const { from, to, count, afterMs, beforeMs } = missing;
  const what = count === 1 ? `segment ${from} is missing` : `${count} segments are missing, ${from} to ${to}`;
  const when = afterMs === undefined ? '' : `, written after ${formatMoment(afterMs)}`;
  const until = beforeMs === undefined ? '' : ` and before ${formatMoment(beforeMs)}`;
  const others = silent.map(({ place }) => place.name).join(' and ');
  const back = others === '' ? 'Run wal-sync' : `Bring ${others} back, which may have them; run wal-sync`;
  const earlier =
    afterMs === undefined ? '' : ` To restore up to there, say --target-time "${formatMoment(afterMs - 1000)}".`;
  return new Failure(
    'restore_refused',
    `${target} cannot be reached: ${what} on all hosts that answer${when}${until}`,
    {
      hint: `${back}, and look for the files in pg_wal of the servers.${earlier} If they are lost for good: wal-sync holes ack.`,
    },
  );
}

function lossesOf(
  { target, timeline, isStandby }: RestoreWish,
  reach: Reach,
  hosts: readonly SurveyedPlace[],
  silent: readonly SilentPlace[],
): string[] {
  // A standby asks again for ever, so it gets what comes back; and the end of the backup is all on the host that has it.
  if (isStandby || target.kind === 'immediate') return [];
  const losses: string[] = [];
  const isPoint = target.kind === 'time' || target.kind === 'lsn';
  // The point lies in the WAL that is here, and nobody else's timeline is meant.
  if (silent.length > 0 && !(isPoint && timeline !== 'latest')) {
    const away = silent.map(({ place }) => place.name).join(' and ');
    const here = hosts.map(({ place }) => place.name).join(' and ');
    const ends =
      reach.endMs === undefined ? formatLsn(reach.end) : `${formatMoment(reach.endMs)}, ${formatLsn(reach.end)}`;
    losses.push(`${away} does not answer. What ${here} has ends at ${ends}; what only ${away} has is lost.`);
  }
  if (reach.missing?.accepted !== undefined && !isPoint) {
    const { from, to, accepted } = reach.missing;
    losses.push(
      `The WAL ends at a hole, ${from} to ${to}, that ${accepted.who} accepted ("${accepted.why}"); later WAL is lost.`,
    );
  }
  return losses;
}

function problemsOf(hosts: readonly SurveyedPlace[]): string[] {
  return hosts.flatMap(({ place, survey }) =>
    survey.problems.map(({ what, reason }) => `${place.name} cannot read ${what}: ${reason}.`),
  );
}

function majorOf({ backup }: Candidate, { postgresMajor }: ClusterIdentity): number {
  const major = backup.serverVersion === undefined ? postgresMajor : Math.floor(backup.serverVersion / 10_000);
  if (major !== undefined) return major;
  throw new Failure('restore_refused', `the PostgreSQL version of ${backup.name} is not known`, {
    hint: 'Restore it by hand: docs/operating.md.',
  });
}
