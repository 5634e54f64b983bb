import type { Lsn } from '../../wal/lsn.ts';

export interface ReplayProgress {
  /** `starting`: nothing was replayed yet. `replaying`. `open`: the recovery has ended. */
  readonly phase: 'starting' | 'replaying' | 'open';
  readonly isConsistent: boolean;
  /** Up to here the WAL is replayed, as far as is known: while the server answers nobody, the beginning of the last segment. */
  readonly replayedLsn: Lsn | undefined;
  /** Of the last commit that was replayed. */
  readonly replayedMs: number | undefined;
  readonly segments: number;
  readonly bytesPerSecond: number | undefined;
  /** To the target, where that is known. */
  readonly remainingMs: number | undefined;
  /** For how long nothing has moved. */
  readonly stalledMs: number;
}

interface Sample {
  readonly atMs: number;
  readonly lsn: Lsn;
}

const windowMs = 30_000;

/** Rate and remaining time by the last half minute. */
export class ReplayPace {
  private samples: Sample[] = [];

  /** Notes where the replay is; a position that is not after the last one is none. */
  add(sample: Sample): void {
    const last = this.samples.at(-1);
    if (last !== undefined && sample.lsn <= last.lsn) return;
    // One older sample stays, so that there is a rate when little happens.
    const firstRecent = this.samples.findIndex(({ atMs }) => sample.atMs - atMs <= windowMs);
    this.samples = [...this.samples.slice(firstRecent < 1 ? 0 : firstRecent - 1), sample];
  }

  /** Undefined until there are two positions. */
  bytesPerSecond(nowMs: number): number | undefined {
    const first = this.samples[0];
    const last = this.samples.at(-1);
    if (first === undefined || last === undefined || first === last || nowMs <= first.atMs) return undefined;
    return (Number(last.lsn - first.lsn) * 1000) / (nowMs - first.atMs);
  }

  remainingMs(nowMs: number, target: Lsn | undefined): number | undefined {
    const rate = this.bytesPerSecond(nowMs);
    const last = this.samples.at(-1);
    if (target === undefined || last === undefined || rate === undefined || rate <= 0) return undefined;
    return target <= last.lsn ? 0 : Math.round((Number(target - last.lsn) * 1000) / rate);
  }
}
