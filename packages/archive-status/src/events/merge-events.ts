import { eventObject, type RecordedEvent } from '@archive2/core/files/event-text.ts';

/** Events of several logs as one, by time, the oldest first; what two of them have is there once. Pure. */
export function mergeEvents(logs: ReadonlyArray<readonly RecordedEvent[]>): RecordedEvent[] {
  const known = new Set<string>();
  return logs
    .flat()
    .filter((event) => {
      const text = JSON.stringify(eventObject(event));
      return known.has(text) ? false : known.add(text);
    })
    .sort((a, b) => a.atMs - b.atMs);
}

/** What is new in looks that overlap. Remembers no more than the last ten minutes, as told by the events themselves. */
export class NewEvents {
  private readonly known = new Map<string, number>();
  private lastMs: number;

  constructor(fromMs: number) {
    this.lastMs = fromMs;
  }

  /** From when on the next look is to be. */
  get sinceMs(): number {
    return this.lastMs - overlapMs;
  }

  take(events: readonly RecordedEvent[]): RecordedEvent[] {
    const fresh = events.filter((event) => {
      const text = JSON.stringify(eventObject(event));
      if (this.known.has(text)) return false;
      this.known.set(text, event.atMs);
      return true;
    });
    for (const { atMs } of fresh) this.lastMs = Math.max(this.lastMs, atMs);
    for (const [text, atMs] of this.known) if (atMs < this.sinceMs) this.known.delete(text);
    return fresh;
  }
}

/** Machines' clocks, and the way of an event into its log, may differ by this. */
const overlapMs = 600_000;
