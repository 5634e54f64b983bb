import { type EventName, type EventSeverity, eventTable, isEventName } from '../base/event-table.ts';

export type EventFact = string | number | boolean | null;

/** What happened and facts about it. A fact that is undefined is left out. `severity` where it is not the table's. */
export interface NewEvent {
  readonly event: EventName;
  readonly severity?: EventSeverity;
  readonly [fact: string]: EventFact | undefined;
}

/** An event as a log has it; of a newer release it may be one that this one does not know. */
export interface RecordedEvent {
  readonly atMs: number;
  readonly event: string;
  readonly severity: EventSeverity;
  /** Undefined in a line of an older release, and where no cluster is known. */
  readonly cluster: string | undefined;
  /** The machine's own name. */
  readonly on: string | undefined;
  readonly facts: Readonly<Record<string, EventFact>>;
}

/** Grows when a field changes its meaning; new facts do not change it. Lines without it are of version 0.1. */
const version = 1;
const maxFacts = 32;
const maxFactLength = 1000;
/** Longer ones are none of ours. */
export const maxLineBytes = 64 * 1024;

/** The fields that all events have; a fact of such a name is none. */
const fieldNames: ReadonlySet<string> = new Set(['v', 'at', 'event', 'severity', 'cluster', 'on']);

/** An event as one JSON object, on the disk, in a session and for programs: the fields that all have first, then its facts. */
export function eventObject({ atMs, event, severity, cluster, on, facts }: RecordedEvent): Record<string, EventFact> {
  return {
    v: version,
    at: new Date(atMs).toISOString(),
    event,
    severity,
    ...(cluster === undefined ? {} : { cluster }),
    ...(on === undefined ? {} : { on }),
    ...Object.fromEntries(
      Object.entries(facts)
        .filter(([name]) => !fieldNames.has(name))
        .slice(0, maxFacts)
        .map(([name, fact]) => [name, typeof fact === 'string' ? cut(fact) : fact]),
    ),
  };
}

/** The line of an event, with its end. */
export function formatEvent(event: RecordedEvent): string {
  return `${JSON.stringify(eventObject(event))}\n`;
}

function cut(text: string): string {
  return text.length > maxFactLength ? `${text.slice(0, maxFactLength)} …` : text;
}

/** What a log writes for an event that happens now. */
export function recordedAt(
  atMs: number,
  { event, severity, ...facts }: NewEvent,
  from: { cluster: string | undefined; on: string | undefined },
): RecordedEvent {
  const known = Object.entries(facts).filter((fact): fact is [string, EventFact] => fact[1] !== undefined);
  return { atMs, event, severity: severity ?? eventTable[event].severity, ...from, facts: Object.fromEntries(known) };
}

/** The event of a line without its end; undefined for anything else: half a line, a later version, somebody's note. */
export function parseEvent(line: string): RecordedEvent | undefined {
  if (line.length > maxLineBytes) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { v = version, at, event, severity, cluster, on, ...facts } = value as Record<string, unknown>;
  const atMs = typeof at === 'string' ? Date.parse(at) : Number.NaN;
  if (v !== version || typeof event !== 'string' || Number.isNaN(atMs)) return undefined;
  return {
    atMs,
    event,
    severity: isSeverity(severity) ? severity : severityOf(event),
    cluster: typeof cluster === 'string' ? cluster : undefined,
    on: typeof on === 'string' ? on : undefined,
    facts: Object.fromEntries(Object.entries(facts).filter((fact): fact is [string, EventFact] => isFact(fact[1]))),
  };
}

const severities: readonly EventSeverity[] = ['info', 'warning', 'error'];

export function isSeverity(value: unknown): value is EventSeverity {
  return severities.some((severity) => severity === value);
}

/** True when the event is as grave as `least`, or graver. */
export function isAtLeast(severity: EventSeverity, least: EventSeverity): boolean {
  return severities.indexOf(severity) >= severities.indexOf(least);
}

function severityOf(event: string): EventSeverity {
  return isEventName(event) ? eventTable[event].severity : 'warning';
}

function isFact(value: unknown): value is EventFact {
  return value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
