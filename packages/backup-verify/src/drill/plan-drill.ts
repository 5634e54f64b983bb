import type { PlaceAnswer } from '@archive2/core/backups/archive-place.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import type { RecordedDrill } from '@archive2/core/restore/drill/drill-store.ts';
import { describeTarget, type RecoveryTarget } from '@archive2/core/restore/server/recovery-target.ts';
import type { ClusterIdentity } from '@archive2/core/wal/cluster-identity.ts';
import { type ChosenBackup, chooseBackup, describeUnusable, type SurveyedPlace } from '../choose/choose-backup.ts';
import { chooseTarget } from '../choose/choose-target.ts';
import { type ExpectedEnd, expectedEnd } from '../choose/expected-end.ts';
import type { DrillOrder } from '../drill-order.ts';
import type { DrillNotes } from './drill-notes.ts';

export interface DrillPlan {
  readonly hosts: readonly SurveyedPlace[];
  readonly identity: ClusterIdentity;
  readonly chosen: ChosenBackup;
  readonly expected: ExpectedEnd;
  readonly target: RecoveryTarget;
}

/**
 * Decides what is restored, and how far. Throws `host_unreachable` when no archive says what it has, and `drill_failed` when there is
 * nothing that could be restored to the end of its WAL. `share`: for a random target, from 0 to below 1.
 */
export function planDrill(
  order: Pick<DrillOrder, 'wish' | 'target'>,
  answers: readonly PlaceAnswer[],
  past: readonly RecordedDrill[],
  share: number,
  notes: DrillNotes,
): DrillPlan {
  notes.archives = answers.map((answer) => ({
    name: answer.place.name,
    problem: 'survey' in answer ? undefined : answer.problem.message,
  }));
  const hosts = answers.flatMap((answer): SurveyedPlace[] => ('survey' in answer ? [answer] : []));
  for (const answer of answers) {
    if ('problem' in answer) notes.warnings.push(`${answer.place.name} did not answer: ${answer.problem.message}`);
  }
  const identity = hosts.find(({ survey }) => survey.identity !== undefined)?.survey.identity;
  if (hosts.length === 0) throw noArchive(answers);
  if (identity === undefined) {
    throw new Failure('drill_failed', 'the archives are empty: no segment has come yet', {
      hint: 'Look whether the cluster archives.',
    });
  }
  notes.warnings.push(...describeUnusable(hosts));
  const chosen = chooseBackup(hosts, order.wish, past);
  const { backup, place } = chosen;
  const surveys = hosts.map(({ survey }) => survey);
  const expected = expectedEnd(backup.stop, surveys, identity.segmentSize);
  if (expected.otherTimeline !== undefined) {
    notes.warnings.push(
      `${backup.name} of ${place.name} leads to timeline ${expected.timeline}; the newest one, ${expected.otherTimeline}, is another branch`,
    );
  }
  refuseHole(chosen, expected, notes.warnings);
  const target = chooseTarget(order.target, backup.stop, expected.reach.last, identity.segmentSize, share);
  notes.target = describeTarget(target);
  return { hosts, identity, chosen, expected, target };
}

function refuseHole({ backup, place }: ChosenBackup, { reach }: ExpectedEnd, warnings: string[]): void {
  const { missing } = reach;
  if (missing === undefined) return;
  const range = missing.count === 1 ? missing.from : `${missing.from} to ${missing.to}`;
  if (missing.accepted !== undefined) {
    warnings.push(
      `the recovery ends before ${range}, which is missing, and accepted as lost by ${missing.accepted.who}`,
    );
    return;
  }
  throw new Failure(
    'drill_failed',
    `${backup.name} of ${place.name} cannot be restored to the latest: ${range} is missing although later WAL is archived`,
    { hint: 'A host that did not answer may have it. Else take a base backup now: it needs nothing from before.' },
  );
}

function noArchive(answers: readonly PlaceAnswer[]): Failure {
  const problems = answers.flatMap((answer) => ('problem' in answer ? [answer] : []));
  const [first] = problems;
  const all = problems.map(({ place, problem }) => `${place.name}: ${problem.message}`).join('; ');
  return new Failure('host_unreachable', `no archive said what it has (${all})`, {
    hint: 'Look whether the hosts are up, and whether this account gets in: archive_cmd check says why not.',
    ...(first === undefined ? {} : { cause: first.problem }),
  });
}
