import type { ArchivePlace, PlaceAnswer } from '@archive2/core/backups/archive-place.ts';
import { askPlaces } from '@archive2/core/backups/ask-places.ts';
import { systemClock } from '@archive2/core/base/clock.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { openArchivePlaces } from '@archive2/core/cli/archive-options.ts';
import { writeStdout } from '@archive2/core/cli/exit.ts';
import { layoutOfStdout } from '@archive2/core/cli/terminal.ts';
import { type Account, becomeOwner, environmentOf } from './become-owner.ts';
import { carryOut } from './carry-out.ts';
import { confirmPlan } from './confirm-plan.ts';
import { makePlan } from './make-plan.ts';
import type { RestoreOptions, RestoreOrder } from './options.ts';
import { tellOfRestore } from './restore-events.ts';
import type { RestoreWorld } from './restore-world.ts';
import { outcomeJson, planJson, timelineJson } from './show/plan-json.ts';
import { formatPlan } from './show/plan-text.ts';
import { formatSummary } from './show/summary-text.ts';
import { formatTimeline } from './show/timeline-text.ts';

/** A survey reads one directory; a host that takes longer is one that does not answer. */
const surveyWithinMs = 60_000;

/** The whole command. Resolves with its exit status; throws the Failure that it ends with. */
export async function runRestore(options: RestoreOptions, around: Omit<RestoreWorld, 'clock'>): Promise<number> {
  const { archive, order } = options;
  const begunMs = systemClock.monotonicMs();
  const account = order === undefined ? undefined : await becomeOwner(order.owner);
  const environment = account === undefined ? around.environment : environmentOf(account, around.environment);
  const world: RestoreWorld = { ...around, environment, clock: systemClock };
  const places = openArchivePlaces(archive, 'get', world);
  try {
    const answers = await askPlaces(places, surveyWithinMs);
    if (order === undefined || account === undefined) return await showTimeline(options, answers, world);
    return await restore(options, order, { account, places, answers, begunMs }, world);
  } finally {
    await Promise.all(places.map((place) => place.close()));
  }
}

async function showTimeline(
  { archive, json }: RestoreOptions,
  answers: readonly PlaceAnswer[],
  { clock, environment }: RestoreWorld,
): Promise<number> {
  const nowMs = clock.nowMs();
  const text = json
    ? `${JSON.stringify(timelineJson(archive.cluster, answers, nowMs))}\n`
    : formatTimeline(answers, nowMs, layoutOfStdout(environment));
  await writeStdout(text);
  if (answers.some((answer) => 'survey' in answer)) return 0;
  throw new Failure('host_unreachable', 'no archive host answers', { hint: 'See "Both are gone" in docs/runbook.md.' });
}

interface Known {
  account: Account;
  places: readonly ArchivePlace[];
  answers: readonly PlaceAnswer[];
  begunMs: number;
}

async function restore(
  { archive, json }: RestoreOptions,
  order: RestoreOrder,
  { account, answers, begunMs }: Known,
  world: RestoreWorld,
): Promise<number> {
  const nowMs = world.clock.nowMs();
  const layout = layoutOfStdout(world.environment);
  // Before the plan, which may be refused: a person sees then what there is.
  if (!json) await writeStdout(`${formatTimeline(answers, nowMs, layout)}\n`);
  const whole = await makePlan(archive.cluster, order, answers, account, world);
  const described = { ...timelineJson(archive.cluster, answers, nowMs), plan: planJson(whole) };
  if (!json) await writeStdout(formatPlan(whole, nowMs, layout));
  if (order.dryRun) {
    if (json) await writeStdout(`${JSON.stringify(described)}\n`);
    return 0;
  }
  await confirmPlan(whole, order);
  const planMs = world.clock.monotonicMs() - begunMs;
  const outcome = await tellOfRestore(whole, world, () => carryOut(whole, order, archive, planMs, world));
  await writeStdout(
    json ? `${JSON.stringify({ ...described, result: outcomeJson(outcome) })}\n` : `\n${formatSummary(outcome)}`,
  );
  return 0;
}
