import type { PlaceAnswer } from '@archive2/core/backups/archive-place.ts';
import { findServerPrograms } from '@archive2/core/postgres/find-server-programs.ts';
import { bytesByTar, checkSpace, type SpaceNeed, spaceNeeds } from '@archive2/core/restore/space-needed.ts';
import type { Account } from './become-owner.ts';
import type { RestoreOrder } from './options.ts';
import { listCandidates } from './plan/choose-backup.ts';
import { planRestore } from './plan/plan-restore.ts';
import { planIdOf, recoveryTextOf } from './plan/restore-identity.ts';
import { type RestorePlan, splitAnswers } from './plan/restore-plan.ts';
import { resumedWish } from './plan/resumed-backup.ts';
import type { RestoreWorld } from './restore-world.ts';
import { asideNameOf, judgeTarget, type TargetUse } from './target/judge-target.ts';
import { checkTablespacePlaces, placeTablespaces, readTablespaces } from './target/place-tablespaces.ts';
import { lookAtTarget, type TargetFacts } from './target/target-facts.ts';
import type { WholePlan } from './whole-plan.ts';

/**
 * All that will be done, by what the archives and this machine hold. Looks only. Throws the Failure, most often `restore_refused`, of
 * what cannot be.
 */
export async function makePlan(
  cluster: string,
  order: RestoreOrder,
  answers: readonly PlaceAnswer[],
  account: Account,
  world: RestoreWorld,
): Promise<WholePlan> {
  const facts = await lookAtTarget(order.target);
  const target = facts.path;
  const plan = planWithWhatIsThere(cluster, order, answers, facts);
  const old = await readTablespaces(plan.copies[0], world.signal);
  const tablespaces = placeTablespaces(old, order.tablespaceMap);
  const planId = planIdOf(plan, target, tablespaces);
  const recovery = recoveryTextOf(order);
  const asideName = asideNameOf(target, world.clock.nowMs());
  const wish = { keepOld: order.keepOld, uid: account.uid, planId, recovery, asideName };
  const use = judgeTarget(facts, wish);
  if (use !== 'resume') await checkTablespacePlaces(tablespaces, target);
  const space = await measureSpace(plan, use, target, tablespaces);
  checkSpace(space);
  const programs = await findServerPrograms(plan.major, order.binDirectory, world.environment);
  return {
    plan,
    account,
    target,
    tablespaces,
    use,
    asideName,
    removes: use === 'redo' && facts.marker?.planId !== planId ? facts.marker?.backup : undefined,
    planId,
    recovery,
    space,
    programs,
    major: plan.major,
    action: order.action,
    start: order.start,
    takeOver: order.takeOver,
    settings: order.settings,
    warnings: [...plan.warnings, ...warningsOf(plan, use)],
  };
}

/** With the backup of which half is there already, if that still leads to the target. */
function planWithWhatIsThere(
  cluster: string,
  { wish }: RestoreOrder,
  answers: readonly PlaceAnswer[],
  { marker, note }: TargetFacts,
): RestorePlan {
  const left = marker ?? (note?.state === 'done' ? undefined : note);
  const resumed = resumedWish(wish, left, listCandidates(splitAnswers(answers).hosts));
  if (resumed !== undefined) {
    try {
      return planRestore(cluster, answers, resumed);
    } catch {
      // It does not lead there: another one is taken, and what is there is removed.
    }
  }
  return planRestore(cluster, answers, wish);
}

async function measureSpace(
  plan: RestorePlan,
  use: TargetUse,
  target: string,
  tablespaces: ReadonlyMap<string, string>,
): Promise<SpaceNeed[]> {
  const bytes = bytesByTar(plan.copies[0].backup, plan.identity.segmentSize);
  // What an interrupted restore has written is used again, or makes room first.
  if (bytes === undefined || use === 'redo' || use === 'resume') return [];
  const directories = new Map([[target, bytes.get('base') ?? 0]]);
  for (const [oid, path] of tablespaces) directories.set(path, bytes.get(oid) ?? 0);
  return await spaceNeeds(directories);
}

function warningsOf({ copies: [{ backup }], silent, losses }: RestorePlan, use: TargetUse): string[] {
  const unknownSize = backup.sourceBytes === undefined && use !== 'redo' && use !== 'resume';
  const quiet = losses.length > 0 ? [] : silent;
  return [
    ...(unknownSize ? ['The backup does not say its size: whether it fits was not checked.'] : []),
    ...quiet.map(({ place, problem }) => `${place.name} does not answer: ${problem.message}.`),
  ];
}
