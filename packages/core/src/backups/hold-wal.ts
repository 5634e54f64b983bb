import { randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { toFailure } from '../base/failure.ts';
import type { Log } from '../base/log.ts';
import type { WalPlace } from '../wal/backup-label.ts';
import type { ArchivePlace } from './archive-place.ts';

const ttlMs = 900_000;
const renewMs = 300_000;

/**
 * Keeps cleanups on the archive hosts from removing the backup that is being read, and its WAL, until `end`. A help, no condition: a
 * host that cannot pin is told of, and the restore goes on.
 */
export class WalHold {
  private readonly places: readonly ArchivePlace[];
  private readonly pin: { holder: string; from: WalPlace; ttlMs: number };
  private readonly clock: Clock;
  private readonly log: Log;
  private readonly id = randomBytes(16).toString('hex');
  private readonly over = new AbortController();
  private renewing: Promise<void> = Promise.resolve();

  private constructor(places: readonly ArchivePlace[], holder: string, from: WalPlace, clock: Clock, log: Log) {
    this.places = places;
    this.pin = { holder, from, ttlMs };
    this.clock = clock;
    this.log = log;
  }

  /** Returns when every place has pinned, or has said why not. */
  static async begin(
    places: readonly ArchivePlace[],
    { holder, from }: { holder: string; from: WalPlace },
    clock: Clock,
    log: Log,
  ): Promise<WalHold> {
    const hold = new WalHold(places, holder, from, clock, log);
    await hold.pinAll();
    hold.renewing = hold.renew();
    return hold;
  }

  async end(): Promise<void> {
    this.over.abort();
    await this.renewing;
    await Promise.all(
      this.places.map((place) => this.tell(place, () => place.unpin(this.id), 'the pin stays until it expires')),
    );
  }

  private async renew(): Promise<void> {
    for (;;) {
      await this.clock.sleep(renewMs, this.over.signal);
      if (this.over.signal.aborted) return;
      await this.pinAll();
    }
  }

  private async pinAll(): Promise<void> {
    const what = 'WAL not pinned: a cleanup may remove what is being restored';
    await Promise.all(this.places.map((place) => this.tell(place, () => place.pin(this.id, this.pin), what)));
  }

  private async tell(place: ArchivePlace, work: () => Promise<void>, otherwise: string): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.log.warning(otherwise, { host: place.name, reason: toFailure(error).message });
    }
  }
}
