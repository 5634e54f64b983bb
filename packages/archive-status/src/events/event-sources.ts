import { existsSync } from 'node:fs';
import { serverEventsFile } from '@archive2/core/agent/agent-journal.ts';
import { findStateDirectory } from '@archive2/core/agent/state-directory.ts';
import { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import { withDeadline } from '@archive2/core/base/deadline.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { openArchivePlaces } from '@archive2/core/cli/archive-options.ts';
import { optionalText, secondsToMs } from '@archive2/core/cli/option-values.ts';
import { readNewestEvents } from '@archive2/core/files/event-reader.ts';
import type { RecordedEvent } from '@archive2/core/files/event-text.ts';
import type { Call } from '../form.ts';
import { defaultConfigPath, readWatchedClusters } from '../settings/read-settings.ts';
import type { WatchedCluster } from '../settings/watched-cluster.ts';

export interface EventSource {
  /** For people: a path, or a host as it was named. */
  readonly name: string;
  /** The oldest first. Throws why they are not known. */
  read(query: { newest: number; sinceMs?: number }): Promise<RecordedEvent[]>;
  close(): Promise<void>;
}

/** The logs of this machine that a call means: of its agents, and of a cluster directory that it names. */
export function localLogs({ options, environment }: Pick<Call, 'options' | 'environment'>): string[] {
  const said = optionalText(options, 'state-dir') ?? environment['ARCHIVE2_STATE_DIR'];
  const directory = optionalText(options, 'cluster-dir');
  const ofArchive = directory === undefined ? [] : [new ClusterDirectory(directory).eventsFile];
  return [serverEventsFile(findStateDirectory(said).path), ...ofArchive];
}

/** This machine's logs, and those of the archive hosts that are configured, unless `--local`. */
export async function openEventSources(call: Call): Promise<EventSource[]> {
  const { options } = call;
  const clusters = options['local'] === true ? [] : await configuredClusters(options);
  const remote = clusters.flatMap((cluster) => placesOf(cluster, call));
  const here = clusters.flatMap(({ archives, directory }) =>
    archives.some(({ kind }) => kind === 'here') ? [directory.eventsFile] : [],
  );
  const local = new Set([...localLogs(call), ...here]);
  return [...[...local].map(fileSource), ...remote];
}

/** Nobody has to configure anything to read this machine's own log. */
async function configuredClusters(options: Record<string, unknown>): Promise<WatchedCluster[]> {
  const isNamed = [options['hosts'], options['config']].some((option) => option !== undefined);
  return isNamed || existsSync(defaultConfigPath) ? await readWatchedClusters(options) : [];
}

function fileSource(path: string): EventSource {
  return { name: path, read: (query) => readNewestEvents(path, query), close: async () => undefined };
}

function placesOf(watched: WatchedCluster, { options, environment, clock, log }: Call): EventSource[] {
  const { cluster, directory, archives, remoteProgram } = watched;
  const timeoutMs = secondsToMs(options, 'timeout', 0.5, 60);
  const hosts = archives.filter(({ kind }) => kind === 'host');
  const settings = { cluster, directory, archives: hosts, remoteProgram };
  const timeouts = { connectTimeoutMs: timeoutMs, stallTimeoutMs: timeoutMs };
  return openArchivePlaces({ ...settings, ...timeouts }, 'status', { environment, clock, log }).map((place) => ({
    name: place.name,
    read: (query) => {
      const silent = () => new Failure('host_stalled', `no answer within ${timeoutMs / 1000} s`);
      return withDeadline(place.events(query), 3 * timeoutMs, silent);
    },
    close: () => place.close(),
  }));
}
