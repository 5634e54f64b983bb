import type { Clock } from '@archive2/core/base/clock.ts';
import type { Log } from '@archive2/core/base/log.ts';
import { openArchivePlaces } from '@archive2/core/cli/archive-options.ts';
import type { ConnectSettings } from '@archive2/core/postgres/connect.ts';
import { eachServer } from '@archive2/core/postgres/each-server.ts';
import type { ClusterLook } from '../derive/cluster-look.ts';
import type { Known } from '../model/known.ts';
import type { PatroniReport } from '../model/server-report.ts';
import type { WatchedCluster } from '../settings/watched-cluster.ts';
import { askSource } from '../sources/ask-source.ts';
import { drillDirectories, readDrills } from '../sources/drill-records.ts';
import { readEvents } from '../sources/events.ts';
import { HostWatch } from '../sources/host-watch.ts';
import { askPatroni } from '../sources/patroni.ts';
import { type ServerLook, ServerWatch } from '../sources/server-watch.ts';

export interface WatchWorld {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
  readonly login: ConnectSettings;
  readonly stateDirectory: string;
  readonly timeoutMs: number;
}

/** What one cluster alone says; queues, agents and trends come from elsewhere. */
export type OwnLook = Pick<
  ClusterLook,
  'cluster' | 'expectedPrimary' | 'hosts' | 'servers' | 'patroni' | 'events' | 'drills'
>;

/** The sources of one cluster. */
export class ClusterWatch {
  readonly #watched: WatchedCluster;
  readonly #world: WatchWorld;
  readonly #hosts: readonly HostWatch[];
  #servers: readonly ServerWatch[] | undefined;

  constructor(watched: WatchedCluster, world: WatchWorld) {
    this.#watched = watched;
    this.#world = world;
    const { cluster, directory, archives, remoteProgram } = watched;
    const { timeoutMs, environment, clock, log } = world;
    const settings = {
      cluster,
      directory,
      archives,
      remoteProgram,
      connectTimeoutMs: timeoutMs,
      stallTimeoutMs: timeoutMs,
    };
    const places = openArchivePlaces(settings, 'status', { environment, clock, log });
    this.#hosts = places.map((place) => new HostWatch(place, clock));
  }

  get watched(): WatchedCluster {
    return this.#watched;
  }

  /** Asks all sources at once. Never rejects, and resolves by the timeout. */
  async look(): Promise<OwnLook> {
    const { timeoutMs } = this.#world;
    const [hosts, servers, patroni, events, drills] = await Promise.all([
      Promise.all(this.#hosts.map((host) => host.look(timeoutMs))),
      this.#lookAtServers(),
      this.#lookAtPatroni(),
      this.#lookAtEvents(),
      this.#lookAtDrills(),
    ]);
    const { cluster, expectedPrimary } = this.#watched;
    return { cluster, expectedPrimary, hosts, servers, patroni, events, drills };
  }

  async close(): Promise<void> {
    for (const server of this.#servers ?? []) server.close();
    await Promise.all(this.#hosts.map((host) => host.close()));
  }

  async #lookAtServers(): Promise<ServerLook[]> {
    const { servers: conninfo } = this.#watched;
    if (conninfo === undefined) return [];
    const { clock, login, timeoutMs } = this.#world;
    const found = await askSource('the connection string', timeoutMs, async () => {
      // Read again until it can be: it may name a service that is not written yet.
      this.#servers ??= (await eachServer(conninfo, login)).servers.map(
        (server) => new ServerWatch(server, login, clock),
      );
      return this.#servers;
    });
    if (found.known) return await Promise.all(found.value.map((server) => server.look(timeoutMs)));
    const name = conninfo['host'] ?? conninfo['service'] ?? 'servers';
    return [{ name, answeredAtMs: clock.nowMs(), tookMs: 0, answer: found, walDirectory: found, walDisk: found }];
  }

  async #lookAtPatroni(): Promise<Known<PatroniReport> | null> {
    const { patroni } = this.#watched;
    if (patroni === undefined) return null;
    const { timeoutMs } = this.#world;
    return await askSource(`Patroni at ${patroni.host}`, timeoutMs, () => askPatroni(patroni, timeoutMs));
  }

  async #lookAtEvents(): Promise<ClusterLook['events']> {
    const { stateDirectory, timeoutMs } = this.#world;
    return await askSource('the log of events', timeoutMs, () => readEvents(this.#watched.cluster, stateDirectory));
  }

  async #lookAtDrills(): Promise<ClusterLook['drills']> {
    const { stateDirectory, timeoutMs } = this.#world;
    const directories = drillDirectories(this.#watched.cluster, stateDirectory, this.#archivesHere());
    return await askSource('the records of drills', timeoutMs, () => readDrills(directories));
  }

  /** The state directories of the archives on this machine. */
  #archivesHere(): string[] {
    const { archives, directory } = this.#watched;
    return archives.filter(({ kind }) => kind === 'here').map(() => directory.stateDirectory);
  }
}
