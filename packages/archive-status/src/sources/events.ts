import { join } from 'node:path';
import { readNewestEvents } from '@archive2/core/files/event-reader.ts';
import type { RecordedEvent } from '@archive2/core/files/event-text.ts';
import type { EventReport } from '../model/status-report.ts';

const shown = 100;

/**
 * What this machine noted of a cluster, newest first: in the state directory of its agents, and in the cluster directory where
 * this is an archive host. Throws the system error of a log that cannot be read.
 */
export async function readEvents(cluster: string, directories: readonly string[]): Promise<EventReport[]> {
  // An agent that serves one cluster may not know its name: such events are everybody's.
  const matches = (event: RecordedEvent) => event.cluster === undefined || event.cluster === cluster;
  const logs = directories.map((directory) => join(directory, 'events.jsonl'));
  const found = await Promise.all(logs.map((path) => readNewestEvents(path, { newest: shown, matches })));
  return found
    .flat()
    .sort((a, b) => b.atMs - a.atMs)
    .slice(0, shown)
    .map(({ atMs, event, severity, on, facts }) => ({ atMs, host: on ?? '', event, severity, fields: facts }));
}
