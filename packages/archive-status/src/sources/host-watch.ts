import type { ArchivePlace } from '@archive2/core/backups/archive-place.ts';
import type { HostSurvey } from '@archive2/core/backups/host-survey.ts';
import type { Clock } from '@archive2/core/base/clock.ts';
import type { HostLook } from '../derive/cluster-look.ts';
import { mapKnown } from '../model/known.ts';
import { askSource } from './ask-source.ts';
import { eventReport, shownEvents } from './events.ts';

/** One archive of a cluster, whose session is kept between two looks. */
export class HostWatch {
  readonly #place: ArchivePlace;
  readonly #clock: Clock;
  #underWay: Promise<HostSurvey> | undefined;

  constructor(place: ArchivePlace, clock: Clock) {
    this.#place = place;
    this.#clock = clock;
  }

  /** Never rejects, and resolves by the timeout. A look that hangs is waited for by the next one, none is begun beside it. */
  async look(timeoutMs: number): Promise<HostLook> {
    const { name, isLocal } = this.#place;
    const startedMs = this.#clock.monotonicMs();
    this.#underWay ??= this.#place.survey().finally(() => {
      this.#underWay = undefined;
    });
    const underWay = this.#underWay;
    const survey = await askSource(name, timeoutMs, () => underWay);
    const [answeredAtMs, tookMs] = [this.#clock.nowMs(), this.#clock.monotonicMs() - startedMs];
    const events = survey.known
      ? await askSource(name, Math.max(1, timeoutMs - tookMs), () => this.#place.events({ newest: shownEvents }))
      : survey;
    return { name, isLocal, answeredAtMs, tookMs, survey, events: mapKnown(events, (all) => all.map(eventReport)) };
  }

  async close(): Promise<void> {
    await this.#place.close();
  }
}
