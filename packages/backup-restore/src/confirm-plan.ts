import { Failure } from '@archive2/core/base/failure.ts';
import { canAsk, confirm } from '@archive2/core/cli/terminal.ts';
import type { WholePlan } from './whole-plan.ts';

export interface Consent {
  /** Yes to the plan, as far as it loses nothing. */
  readonly yes: boolean;
  /** Yes to its losses. */
  readonly acceptLoss: boolean;
}

/** What has to be asked: nothing, or something to be answered with one word; `reason` is for those who cannot be asked. */
export type Question = {
  readonly ask: string;
  readonly answer: string;
  readonly reason: string;
  readonly flag: string;
};

/**
 * The question that stands between a plan and its beginning; undefined when all was said by flags. What loses WAL, moves a directory or
 * replaces the primary is answered with the cluster's name. `--yes` accepts no loss. Pure.
 */
export function questionOf(whole: WholePlan, { yes, acceptLoss }: Consent): Question | undefined {
  const { plan, use, takeOver } = whole;
  const { cluster, losses } = plan;
  if (losses.length > 0 && !acceptLoss) {
    return {
      ask: `${losses.join(' ')} Go on with that? Type the name of the cluster: `,
      answer: cluster,
      reason: `something would be lost. ${losses.join(' ')}`,
      flag: yes ? '--accept-loss' : '--yes --accept-loss',
    };
  }
  if (yes) return undefined;
  const reason = 'nobody has agreed to the plan';
  if (use === 'move' || takeOver) {
    const what = use === 'move' ? `${whole.target} is moved aside.` : 'This server takes over from the primary.';
    return { ask: `${what} To go on, type the name of the cluster: `, answer: cluster, reason, flag: '--yes' };
  }
  return { ask: 'Go on? (y/N) ', answer: 'y', reason, flag: '--yes' };
}

/** Throws Failure `not_confirmed` unless a person, or flags, said yes to the plan. Nothing was touched then. */
export async function confirmPlan(whole: WholePlan, consent: Consent): Promise<void> {
  const question = questionOf(whole, consent);
  if (question === undefined) return;
  if (!canAsk()) {
    throw new Failure('not_confirmed', question.reason, {
      hint: `There is no terminal to ask at: say ${question.flag}, or call it from one.`,
    });
  }
  if (await confirm(question.ask, question.answer)) return;
  throw new Failure('not_confirmed', 'not confirmed: nothing was touched');
}
