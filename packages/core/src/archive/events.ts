import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Clock } from '../base/clock.ts';
import { toFailure } from '../base/failure.ts';
import type { Log } from '../base/log.ts';
import { syncDirectory } from '../files/directory-sync.ts';
import { appendLines } from '../files/event-file.ts';
import { EventLog } from '../files/event-log.ts';
import { readNewestEvents } from '../files/event-reader.ts';
import { type EventFact, formatEvent, type NewEvent, recordedAt } from '../files/event-text.ts';
import type { ClusterDirectory } from './cluster-directory.ts';
import { readClusterRecord } from './identity.ts';

/**
 * Adds a line to `state/events.jsonl`, durably: what was decided about this archive, by whom and when, for whoever asks later. For what
 * people decide, and for what is removed: it throws the system error, and then the work must not go on as if it were told.
 */
export async function recordEvent(cluster: ClusterDirectory, event: NewEvent, nowMs: number): Promise<void> {
  await mkdir(cluster.stateDirectory, { recursive: true, mode: 0o700 });
  await append(cluster, event, nowMs);
  await syncDirectory(cluster.stateDirectory);
}

async function append(cluster: ClusterDirectory, event: NewEvent, nowMs: number): Promise<void> {
  const record = await readClusterRecord(cluster).catch(() => undefined);
  const from = { cluster: record?.cluster, on: hostname() };
  await appendLines(cluster.eventsFile, formatEvent(recordedAt(nowMs, event, from)), { durable: true });
}

/** The log of an archive for what happens beside the work, see EventLog. It makes no directory: an unmounted disk is not written to. */
export function archiveEvents(
  directory: ClusterDirectory,
  cluster: string,
  world: { clock: Clock; log: Log },
): EventLog {
  return new EventLog({ path: directory.eventsFile, cluster, ...world });
}

/**
 * As `recordEvent`, for what only happened: where it cannot be written, the work is none the worse, and the log says so. It makes no
 * directory: an unmounted disk is not written to.
 */
export async function tellEvent(
  cluster: ClusterDirectory,
  event: NewEvent,
  { clock, log }: { clock: Clock; log: Log },
): Promise<void> {
  try {
    await append(cluster, event, clock.nowMs());
  } catch (error) {
    log.warning('event not written', { event: event.event, reason: toFailure(error).message });
  }
}

/** So far back a fact is looked for that is found again and again. */
const lookedThrough = 10_000;

/** The values of a fact in the newest events of these names, the newest first, each with the event's name. */
export async function knownFacts(
  cluster: ClusterDirectory,
  events: readonly string[],
  fact: string,
): Promise<Map<EventFact, string>> {
  const known = new Map<EventFact, string>();
  const wanted = new Set(events);
  const found = await readNewestEvents(cluster.eventsFile, {
    newest: lookedThrough,
    matches: ({ event }) => wanted.has(event),
  });
  for (const { event, facts } of found) if (facts[fact] !== undefined) known.set(facts[fact], event);
  return known;
}
