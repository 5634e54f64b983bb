import { eventObject, type RecordedEvent } from '@archive2/core/files/event-text.ts';
import { formatEventLine } from '../format-event.ts';

/** So many events are told one by one; of more, the gravest, and the rest by their number. */
const maxTold = 50;
const grades = ['error', 'warning', 'info'] as const;

/** The events that one run of the command is told of. However many there are, it takes no more room than a few. */
export class Notification {
  private readonly told: Record<RecordedEvent['severity'], RecordedEvent[]> = { error: [], warning: [], info: [] };
  private readonly counts = new Map<string, number>();
  private total = 0;

  add(event: RecordedEvent): void {
    const sameGrade = this.told[event.severity];
    if (sameGrade.length < maxTold) sameGrade.push(event);
    this.total += 1;
    const name = event.event.slice(0, 100);
    if (this.counts.has(name) || this.counts.size < maxTold) this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  get count(): number {
    return this.total;
  }

  /** Whether all of it is about this very command's failures: it need not fail over that again. */
  get isOnlyOfNotifying(): boolean {
    return this.counts.size === 1 && this.counts.has('notify-failed');
  }

  get severity(): RecordedEvent['severity'] {
    return grades.find((grade) => this.told[grade].length > 0) ?? 'info';
  }

  /** One line for the head of a mail: the machine, the gravest event, and how many there are. */
  subject(machine: string): string {
    const [worst] = this.told[this.severity];
    const more = this.total > 1 ? ` and ${this.total - 1} more` : '';
    const cluster = worst?.cluster === undefined ? '' : `${plain(worst.cluster)}: `;
    return `${plain(machine)}: ${cluster}${this.severity}: ${plain(worst?.event ?? 'nothing')}${more}`;
  }

  /** For programs: docs/events.md. */
  json(machine: string): string {
    const { events, omitted } = this.chosen();
    return `${JSON.stringify({
      version: 1,
      machine,
      severity: this.severity,
      subject: this.subject(machine),
      count: this.total,
      counts: Object.fromEntries(this.counts),
      omitted,
      events: events.map(eventObject),
    })}\n`;
  }

  /** For people. */
  text(timeZone: string): string {
    const { events, omitted } = this.chosen();
    const lines = events.map((event) => formatEventLine(event, timeZone, { width: undefined, colours: false }));
    if (omitted === 0) return `${lines.join('\n')}\n`;
    const counts = [...this.counts].map(([name, count]) => `${plain(name)} ${count}`).join(', ');
    return `${lines.join('\n')}\n\n${omitted} more are not shown. All ${this.total}: ${counts}\n`;
  }

  private chosen(): { events: RecordedEvent[]; omitted: number } {
    const events = grades.flatMap((grade) => this.told[grade]).slice(0, maxTold);
    return { events: events.sort((a, b) => a.atMs - b.atMs), omitted: this.total - events.length };
  }
}

/** A mail's head must stay one line. */
function plain(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, '?').slice(0, 100);
}
