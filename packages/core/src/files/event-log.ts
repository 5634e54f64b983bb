import { hostname } from 'node:os';
import type { Clock } from '../base/clock.ts';
import { toFailure } from '../base/failure.ts';
import type { Log } from '../base/log.ts';
import { appendLines } from './event-file.ts';
import { formatEvent, type NewEvent, recordedAt } from './event-text.ts';

/** Where what happens is told. Telling costs the work nothing, and never fails. */
export interface EventSink {
  note(event: NewEvent): void;
}

export const noEvents: EventSink = { note: () => undefined };

export interface EventLogOptions {
  /** `<state directory>/events.jsonl`; its directory must be there. */
  path: string;
  cluster: string | undefined;
  clock: Clock;
  log: Log;
}

/** One process writes so many events at once, and so many in a minute: what would be more tells nobody anything. */
const burst = 200;
const perMinute = 60;
/** A disk that hangs must not keep a process from ending. */
const settleWithinMs = 500;

/**
 * A machine's log of events, written beside the work. Lines are not fsynced: a power cut may take the last ones. What could not be
 * written is counted, and told with the next event that can be.
 */
export class EventLog implements EventSink {
  /** Changes with the command lines that an agent serves. */
  cluster: string | undefined;
  private readonly options: EventLogOptions;
  private waiting: string[] = [];
  private writing: Promise<void> | undefined;
  private lost = 0;
  private credit = burst;
  private creditAtMs: number;
  private hasFailed = false;

  constructor(options: EventLogOptions) {
    this.options = options;
    this.cluster = options.cluster;
    this.creditAtMs = options.clock.monotonicMs();
  }

  note(event: NewEvent): void {
    if (!this.takeCredit()) {
      this.lost += 1;
      return;
    }
    if (this.lost > 0) this.push({ event: 'events-lost', count: this.lost });
    this.lost = 0;
    this.push(event);
    this.writing ??= this.write();
  }

  /** Resolves when what was noted is written or given up, and in half a second at the latest. Never rejects. */
  async settled(): Promise<void> {
    await Promise.race([this.writing, this.options.clock.sleep(settleWithinMs)]);
  }

  private push(event: NewEvent): void {
    const from = { cluster: this.cluster, on: hostname() };
    this.waiting.push(formatEvent(recordedAt(this.options.clock.nowMs(), event, from)));
  }

  private async write(): Promise<void> {
    const { path, log } = this.options;
    while (this.waiting.length > 0) {
      const lines = this.waiting;
      this.waiting = [];
      try {
        await appendLines(path, lines.join(''), { durable: false });
        this.hasFailed = false;
      } catch (error) {
        this.lost += lines.length;
        if (!this.hasFailed) log.warning('events not written', { path, reason: toFailure(error).message });
        this.hasFailed = true;
      }
    }
    this.writing = undefined;
  }

  private takeCredit(): boolean {
    const nowMs = this.options.clock.monotonicMs();
    this.credit = Math.min(burst, this.credit + ((nowMs - this.creditAtMs) / 60_000) * perMinute);
    this.creditAtMs = nowMs;
    // While a disk hangs, nothing more than a burst may pile up.
    if (this.credit < 1 || this.waiting.length >= burst) return false;
    this.credit -= 1;
    return true;
  }
}
