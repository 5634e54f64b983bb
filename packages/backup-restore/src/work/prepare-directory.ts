import { Failure, toFailure } from '@archive2/core/base/failure.ts';
import type { ProgressDisplay } from '@archive2/core/cli/progress-display.ts';
import { cleanInterrupted } from '@archive2/core/restore/extract/clean-interrupted.ts';
import { extractBackup } from '@archive2/core/restore/extract/extract-backup.ts';
import type { BackupCopy, ExtractedBackup, Extraction } from '@archive2/core/restore/extract/extraction.ts';
import type { RestoreWorld } from '../restore-world.ts';
import { judgeTarget } from '../target/judge-target.ts';
import { setAside } from '../target/set-aside.ts';
import { lookAtTarget, type TargetFacts } from '../target/target-facts.ts';
import type { WholePlan } from '../whole-plan.ts';

/**
 * Makes the place free, as the plan says, and fills it with the backup. Call `checkUnchanged` first. Throws what moving and extracting throw.
 */
export async function prepareDirectory(
  whole: WholePlan,
  world: RestoreWorld,
  display: ProgressDisplay,
): Promise<ExtractedBackup> {
  const { target, asideName, plan } = whole;
  if (whole.use === 'move') {
    await setAside(target, asideName);
    world.log.info('the old directory is moved', { to: asideName });
  }
  if (whole.removes !== undefined) {
    world.log.info('removing what an interrupted restore has left', { directory: target, backup: whole.removes });
    await cleanInterrupted(target, world.signal);
  }
  const [first, ...others] = plan.copies.map(
    ({ place, backup }): BackupCopy => ({ source: place.backup(backup.name), backup }),
  );
  if (first === undefined) throw new Error('a plan without a backup');
  const extraction: Extraction = {
    copies: [first, ...others],
    cluster: plan.cluster,
    identity: plan.identity,
    planId: whole.planId,
    target,
    tablespaces: whole.tablespaces,
    owner: undefined,
    checkPageChecksums: false,
    signal: world.signal,
    clock: world.clock,
    onProgress: ({ storedBytes, totalStoredBytes }) =>
      display.show({ doneBytes: storedBytes, totalBytes: totalStoredBytes }),
  };
  return await insist(() => extractBackup(extraction), world);
}

const tries = 4;
const betweenTriesMs = 5_000;

/** A host that answered a moment ago and is away now is asked again a few times, before a person has to. */
async function insist<T>(work: () => Promise<T>, { clock, log, signal }: RestoreWorld): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await work();
    } catch (error) {
      const { code, message } = toFailure(error);
      const mayPass = code === 'host_unreachable' || code === 'host_stalled' || code === 'deadline';
      if (!mayPass || tried === tries || signal.aborted) throw error;
      log.warning('the backup cannot be read now, trying again', { reason: message, try: tried + 1, of: tries });
      await clock.sleep(betweenTriesMs, signal);
    }
  }
}

/**
 * Looks at the place again, as the plan may have waited for a person. Throws Failure `restore_refused` when something else would be
 * done with it now.
 */
export async function checkUnchanged(whole: WholePlan): Promise<TargetFacts> {
  const { target, account, planId, recovery, asideName } = whole;
  const facts = await lookAtTarget(target);
  let use: string;
  try {
    use = judgeTarget(facts, { keepOld: whole.use === 'move', uid: account.uid, planId, recovery, asideName });
  } catch (error) {
    use = toFailure(error).message;
  }
  if (use === whole.use) return facts;
  throw new Failure('restore_refused', `${target} is not what it was when the plan was made (now: ${use})`, {
    hint: 'Nothing was touched. Call it again for a new plan.',
  });
}
