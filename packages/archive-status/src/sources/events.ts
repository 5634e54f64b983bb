import { join } from 'node:path';
import { readNewestEvents } from '@archive2/core/files/event-reader.ts';
import type { RecordedEvent } from '@archive2/core/files/event-text.ts';
import type { EventReport } from '../model/status-report.ts';

/** Of each log, and of all together. */
export const shownEvents = 100;

/** What this machine's agents and commands noted of a cluster. Throws the system error of a log that cannot be read. */
export async function readEvents(cluster: string, stateDirectory: string): Promise<EventReport[]> {
  // An agent that serves one cluster may not know its name: such events are everybody's.
  const matches = (event: RecordedEvent) => event.cluster === undefined || event.cluster === cluster;
  const found = await readNewestEvents(join(stateDirectory, 'events.jsonl'), { newest: shownEvents, matches });
  return found.map(eventReport);
}

export function eventReport({ atMs, event, severity, on, facts }: RecordedEvent): EventReport {
  return { atMs, host: on ?? '', event, severity, fields: facts };
}
