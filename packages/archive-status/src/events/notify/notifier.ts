import { hostname } from 'node:os';
import type { Clock } from '@archive2/core/base/clock.ts';
import { toFailure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import { cursorAtEnd, type EventCursor, readEventsAfter } from '@archive2/core/files/event-cursor.ts';
import { appendLines } from '@archive2/core/files/event-file.ts';
import { formatEvent, type NewEvent, type RecordedEvent, recordedAt } from '@archive2/core/files/event-text.ts';
import type { EventFilter } from '../event-filter.ts';
import { Notification } from './notification.ts';
import { type NotifyState, writeNotifyState } from './notify-state.ts';

export interface NotifierOptions {
  /** Paths of the logs. */
  logs: readonly string[];
  filter: EventFilter;
  statePath: string;
  /** Told of a batch: why it failed, or undefined. Throws when it was broken off, which says nothing of the command. */
  deliver: (notification: Notification) => Promise<string | undefined>;
  /** After so many failures in a row a batch is given up. */
  maxFailures: number;
  clock: Clock;
  log: Log;
}

/** What one delivery came to. */
export type Delivery = 'nothing' | 'delivered' | 'failed' | 'given-up';

const atOnce = 1000;
/** A log that grows faster than it is read must not keep a batch open for good. */
const maxInBatch = 200_000;

/**
 * Follows logs from where it ended before, and has each batch of events delivered at least once: its place moves, durably, only after
 * the delivery succeeded, or was given up.
 */
export class Notifier {
  private readonly options: NotifierOptions;
  private cursors: ReadonlyMap<string, EventCursor>;
  private failureCount: number;
  private batch: { notification: Notification; cursors: Map<string, EventCursor> };

  private constructor(options: NotifierOptions, state: NotifyState) {
    this.options = options;
    this.cursors = state.cursors;
    this.failureCount = state.failures;
    this.batch = { notification: new Notification(), cursors: new Map(state.cursors) };
  }

  /** A log that is new to it is followed from its end on. Throws when its place cannot be kept: then nothing may be told. */
  static async open(options: NotifierOptions, state: NotifyState | undefined): Promise<Notifier> {
    const cursors = new Map<string, EventCursor>();
    for (const path of options.logs) cursors.set(path, state?.cursors.get(path) ?? (await cursorAtEnd(path)));
    const opened = { cursors, failures: state?.failures ?? 0 };
    await writeNotifyState(options.statePath, opened, options.clock.nowMs());
    return new Notifier(options, opened);
  }

  get failures(): number {
    return this.failureCount;
  }

  /** How many events wait for delivery. */
  get waiting(): number {
    return this.batch.notification.count;
  }

  /** Reads what is new into the batch. Throws the system error of a log that cannot be read. */
  async gather(): Promise<void> {
    for (const [path, cursor] of this.batch.cursors) await this.gatherFrom(path, cursor);
  }

  /** Delivers the batch, if there is one. Throws what `deliver` throws: then nothing has changed. */
  async deliver(): Promise<Delivery> {
    const { notification } = this.batch;
    if (notification.count === 0) {
      await this.moveTo(this.batch.cursors, this.failureCount);
      return 'nothing';
    }
    const { deliver, maxFailures, log } = this.options;
    const problem = await deliver(notification);
    if (problem === undefined) {
      await this.moveTo(this.batch.cursors, 0);
      return 'delivered';
    }
    const failures = this.failureCount + 1;
    log.warning('notify command failed', { reason: problem, attempt: failures, events: notification.count });
    if (failures < maxFailures) {
      await this.keepPlace(failures);
      return 'failed';
    }
    log.error('events are given up', { events: notification.count });
    if (!notification.isOnlyOfNotifying) await this.tell(notification.count, problem);
    await this.moveTo(this.batch.cursors, 0);
    return 'given-up';
  }

  private async gatherFrom(path: string, from: EventCursor): Promise<void> {
    let cursor = from;
    while (this.batch.notification.count < maxInBatch) {
      const after = await readEventsAfter(path, cursor, atOnce);
      if (after.hasGap) this.take(this.lostIn(path));
      for (const event of after.events) this.take(event);
      cursor = after.cursor;
      this.batch.cursors.set(path, cursor);
      if (after.isAtEnd) return;
    }
  }

  private take(event: RecordedEvent): void {
    if (this.options.filter(event)) this.batch.notification.add(event);
  }

  /** The log went on for longer than it keeps, while nobody looked. */
  private lostIn(path: string): RecordedEvent {
    const from = { cluster: undefined, on: hostname() };
    return recordedAt(this.options.clock.nowMs(), { event: 'events-lost', log: path }, from);
  }

  /** In the first log, so that others hear of it. */
  private async tell(count: number, reason: string): Promise<void> {
    const [path] = this.options.logs;
    const { clock, log } = this.options;
    if (path === undefined) return;
    const event: NewEvent = { event: 'notify-failed', count, reason };
    const line = formatEvent(recordedAt(clock.nowMs(), event, { cluster: undefined, on: hostname() }));
    await appendLines(path, line, { durable: false }).catch((error: unknown) => {
      log.warning('event not written', { event: event.event, reason: toFailure(error).message });
    });
  }

  private async moveTo(cursors: ReadonlyMap<string, EventCursor>, failures: number): Promise<void> {
    const isNew = !isSame(cursors, this.cursors) || failures !== this.failureCount;
    this.cursors = new Map(cursors);
    this.failureCount = failures;
    if (isNew) await this.write();
    this.batch = { notification: new Notification(), cursors: new Map(cursors) };
  }

  /** The batch stays as it is, and grows. */
  private async keepPlace(failures: number): Promise<void> {
    this.failureCount = failures;
    await this.write();
  }

  /** On a full disk the place is kept in memory: what was delivered is not delivered again before this process ends. */
  private async write(): Promise<void> {
    const { statePath, clock, log } = this.options;
    const state = { cursors: this.cursors, failures: this.failureCount };
    try {
      await writeNotifyState(statePath, state, clock.nowMs());
    } catch (error) {
      log.warning('place not kept', { path: statePath, reason: toFailure(error).message });
    }
  }
}

function isSame(a: ReadonlyMap<string, EventCursor>, b: ReadonlyMap<string, EventCursor>): boolean {
  return [...a].every(([path, { head, offset }]) => b.get(path)?.head === head && b.get(path)?.offset === offset);
}
