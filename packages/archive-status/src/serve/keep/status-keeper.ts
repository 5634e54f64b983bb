import type { Clock } from '@archive2/core/base/clock.ts';
import { withDeadline } from '@archive2/core/base/deadline.ts';
import { Failure, toFailure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import type { StatusReport } from '../../model/status-report.ts';
import { type Answers, emptyAnswers, rememberAnswers } from './last-answers.ts';

export interface KeeperOptions {
  gather: () => Promise<StatusReport>;
  clock: Clock;
  log: Log;
  /** From the end of one gathering to the begin of the next. */
  intervalMs: number;
  /** After this a gathering is given up; sources have shorter deadlines of their own. */
  gatherWithinMs: number;
}

/** What is known at one moment of asking. */
export interface Knowledge {
  /** Undefined: nothing was gathered yet. */
  readonly report: StatusReport | undefined;
  /** How long ago its sources were asked, by a clock that does not jump; 0 without a report. */
  readonly ageMs: number;
  /** Older than it may be: what it says is no longer a statement about now. */
  readonly isStale: boolean;
  /** Why the newest gathering failed; undefined when it did not. */
  readonly failure: string | undefined;
  /** What each source said last, also those that do not answer now. */
  readonly answers: Answers;
}

/** A report that is older, at the least. */
const staleAfterMs = 30_000;

/**
 * Keeps the newest report at hand. It gathers by itself, one gathering at a time, so that an answer never waits for more than its
 * own deadline, however many ask and whatever hangs.
 */
export class StatusKeeper {
  readonly #options: KeeperOptions;
  #report: StatusReport | undefined;
  /** Monotonic: when the newest report's sources began to be asked. */
  #askedAtMs = 0;
  #failure: string | undefined;
  #answers: Answers = emptyAnswers;
  #underWay: Promise<void> | undefined;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Gathers until the signal is aborted, and resolves when the last gathering has ended. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#gather();
      await this.#options.clock.sleep(this.#options.intervalMs, signal);
    }
  }

  /**
   * What is known, at once if it is not older than an interval. Else a gathering is waited for, so long at the most where there is nothing
   * yet, and a third of that for something newer: a host that hangs makes every gathering slow.
   */
  async knowledge(withinMs: number): Promise<Knowledge> {
    if (this.#report === undefined || this.#ageMs() > this.#options.intervalMs) {
      const late = () => new Failure('deadline', 'the gathering takes longer');
      const patienceMs = this.#report === undefined ? withinMs : withinMs / 3;
      await withDeadline(this.#gather(), patienceMs, late).catch(() => undefined);
    }
    const ageMs = this.#report === undefined ? 0 : this.#ageMs();
    return {
      report: this.#report,
      ageMs,
      isStale: this.#report !== undefined && ageMs > Math.max(staleAfterMs, 3 * this.#options.intervalMs),
      failure: this.#failure,
      answers: this.#answers,
    };
  }

  #ageMs(): number {
    return this.#options.clock.monotonicMs() - this.#askedAtMs;
  }

  #gather(): Promise<void> {
    this.#underWay ??= this.#gatherOnce().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  async #gatherOnce(): Promise<void> {
    const { gather, clock, log, gatherWithinMs } = this.#options;
    const askedAtMs = clock.monotonicMs();
    const late = () => new Failure('deadline', `gathering took more than ${gatherWithinMs / 1000} s`);
    try {
      const report = await withDeadline(gather(), gatherWithinMs, late);
      this.#report = report;
      this.#askedAtMs = askedAtMs;
      this.#answers = rememberAnswers(this.#answers, report);
      if (this.#failure !== undefined) log.info('gathering works again');
      this.#failure = undefined;
    } catch (error) {
      const why = toFailure(error).message;
      // Once, not at every interval.
      if (this.#failure !== why) log.error('gathering failed', { why });
      this.#failure = why;
    }
  }
}
