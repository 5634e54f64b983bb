import { escapeControls, formatLogLine, type LogFields } from '@archive2/core/base/log.ts';
import { formatLocalTime } from '@archive2/core/cli/local-time.ts';
import { paint, type Tone } from '@archive2/core/cli/table.ts';
import type { Layout } from '@archive2/core/cli/terminal.ts';
import type { EventFact, RecordedEvent } from '@archive2/core/files/event-text.ts';

const tones: Readonly<Record<RecordedEvent['severity'], Tone>> = { info: 'faint', warning: 'warning', error: 'bad' };

/**
 * An event in one line for a person: when, on which machine, of which cluster, what, and the facts. All of it may come from another
 * machine: nothing in it reaches the terminal but as text.
 */
export function formatEventLine(event: RecordedEvent, timeZone: string, layout: Layout): string {
  const { atMs, on, cluster, severity } = event;
  const seconds = String(new Date(atMs).getUTCSeconds()).padStart(2, '0');
  const where = [on, cluster].map((word) => wordOf(word ?? '-')).join(' ');
  const what = visible(formatLogLine(severity, event.event, fieldsOf(event.facts)));
  const label = `${severity}:`;
  return `${formatLocalTime(atMs, timeZone)}:${seconds} ${where} ${paint(label, tones[severity], layout)}${what.slice(label.length)}`;
}

function fieldsOf(facts: Readonly<Record<string, EventFact>>): LogFields {
  return Object.fromEntries(
    Object.entries(facts)
      .filter(([, fact]) => fact !== null)
      .map(([name, fact]) => [wordOf(name), fact ?? '']),
  );
}

function wordOf(text: string): string {
  return visible(escapeControls(text)).replace(/\s/gu, '_').slice(0, 100);
}

/** What turns the direction of text, or hides in it, makes a line say something else than it does. */
function visible(text: string): string {
  return text.replace(
    /[\p{Bidi_Control}\p{Zl}\p{Zp}\u200b-\u200d\ufeff]/gu,
    (c) => `\\u${c.charCodeAt(0).toString(16)}`,
  );
}
