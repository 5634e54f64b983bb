import type { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import type { EventSink } from '@archive2/core/files/event-log.ts';
import { readNewestEvents } from '@archive2/core/files/event-reader.ts';
import type { NewEvent, RecordedEvent } from '@archive2/core/files/event-text.ts';
import type { ArchiveFile } from '@archive2/core/wal/archive-file.ts';

const payerEvents: ReadonlySet<string> = new Set([
  'debts-recorded',
  'peer-away',
  'peer-back',
  'debts-paid',
  'debts-stuck',
]);

/** What a payer tells of the debts to one peer. It goes on where the payer before it ended: what that one told is not told again. */
export class PayerEvents {
  private readonly events: EventSink;
  private readonly peer: string;
  private last: string | undefined;

  private constructor(events: EventSink, peer: string, last: string | undefined) {
    this.events = events;
    this.peer = peer;
    this.last = last;
  }

  static async open(directory: ClusterDirectory, peer: string, events: EventSink): Promise<PayerEvents> {
    const isOurs = ({ event, facts }: RecordedEvent) => payerEvents.has(event) && facts['peer'] === peer;
    const found = await readNewestEvents(directory.eventsFile, { newest: 1, matches: isOurs }).catch(() => []);
    return new PayerEvents(events, peer, found[0]?.event);
  }

  tell(event: NewEvent): void {
    // Still owed, still away: the payer before this one was killed.
    if (event.event === 'debts-recorded' && this.last !== undefined && this.last !== 'debts-paid') return;
    if (event.event === this.last) return;
    this.last = event.event;
    this.events.note({ ...event, peer: this.peer });
  }

  /** Nothing is owed any more; so many of them this payer has paid, the others were settled by those who came with the files. */
  paid(count: number, tookMs: number): void {
    if (this.last !== undefined) this.tell({ event: 'debts-paid', count, forSeconds: Math.round(tookMs / 1000) });
  }

  stuck(files: readonly ArchiveFile[]): void {
    this.tell({ event: 'debts-stuck', count: files.length, first: files[0]?.name });
  }
}
