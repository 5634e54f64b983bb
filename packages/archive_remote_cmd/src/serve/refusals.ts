import type { Failure } from '@archive2/core/base/failure.ts';
import type { FailureCode } from '@archive2/core/base/failure-table.ts';
import type { EventSink } from '@archive2/core/files/event-log.ts';

/** This host's disk did not take a file, or give one. */
const diskFailures: ReadonlySet<FailureCode> = new Set(['disk_full', 'disk_error', 'no_hard_links', 'not_initialized']);

/** Somebody is set up wrongly, or means harm. A conflict is told where it is found. */
const lastingRefusals: ReadonlySet<FailureCode> = new Set([
  'bad_name',
  'bad_page_header',
  'wrong_cluster',
  'too_far_ahead',
  'not_allowed',
  'quarantine_full',
  'pledged',
]);

/** The refusals of one session that are events: each code once, as a sender asks again and again. */
export class Refusals {
  private readonly events: EventSink;
  private readonly told = new Set<FailureCode>();

  constructor(events: EventSink) {
    this.events = events;
  }

  tell({ code, message }: Failure): void {
    if (this.told.has(code)) return;
    const event = diskFailures.has(code) ? 'store-failed' : lastingRefusals.has(code) ? 'request-refused' : undefined;
    if (event === undefined) return;
    this.told.add(code);
    this.events.note({ event, code, reason: message });
  }
}
