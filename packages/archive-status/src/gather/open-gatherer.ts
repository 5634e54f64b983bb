import { hostname } from 'node:os';
import { findStateDirectory } from '@archive2/core/agent/state-directory.ts';
import type { Clock } from '@archive2/core/base/clock.ts';
import { toFailure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import { readQueueLogin } from '@archive2/core/queue/queue-login.ts';
import { clusterReport } from '../derive/cluster-report.ts';
import { type StatusReport, statusSchemaVersion } from '../model/status-report.ts';
import { SampleBook } from '../samples/sample-book.ts';
import type { WatchedCluster } from '../settings/watched-cluster.ts';
import { ClusterWatch } from './cluster-watch.ts';
import { SharedSources } from './shared-sources.ts';
import type { StatusGatherer } from './status-gatherer.ts';
import { takeTrends } from './trends.ts';

export interface GathererOptions {
  readonly timeoutMs: number;
  /** As `--state-dir` or the environment say. */
  readonly stateDirectory: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
}

/** What is left of the time for a look, when the slowest source has used its own, to make the report. */
const reportMs = 200;

/** Nothing is connected yet. */
export async function openGatherer(
  clusters: readonly WatchedCluster[],
  options: GathererOptions,
): Promise<StatusGatherer> {
  const { environment, clock, log } = options;
  const timeoutMs = Math.max(1, options.timeoutMs - reportMs);
  const stateDirectory = findStateDirectory(options.stateDirectory).path;
  const queueLogin = await readQueueLogin('archive-status', environment);
  const login = { ...queueLogin, connectTimeoutMs: timeoutMs, queryTimeoutMs: timeoutMs, wish: 'any' } as const;
  const shared = new SharedSources(clusters, { login: queueLogin, stateDirectory, timeoutMs });
  const world = { environment, clock, log, login, stateDirectory, timeoutMs };
  const watches = clusters.map((watched) => new ClusterWatch(watched, world));
  const gather = async (): Promise<StatusReport> => {
    const startedMs = clock.monotonicMs();
    const queueOf = shared.askQueues();
    const [agents, cooldowns, ...looks] = await Promise.all([
      shared.agents(),
      shared.cooldowns(),
      ...watches.map(async (watch) => ({ own: await watch.look(), queue: await queueOf(watch.watched.queue) })),
    ]);
    const nowMs = clock.nowMs();
    const book = await openBook(stateDirectory, log);
    const reports = looks.map(({ own, queue }) => {
      const trends = takeTrends(book, own.cluster, { ...own, nowMs });
      return clusterReport({ ...own, nowMs, queue, agents, cooldowns, trends });
    });
    await book.save().catch((error: unknown) => tell(log, error));
    return {
      schema: statusSchemaVersion,
      program: programVersion,
      machine: hostname(),
      generatedAtMs: nowMs,
      gatheringMs: Math.round(clock.monotonicMs() - startedMs),
      clusters: reports,
    };
  };
  let underWay: Promise<StatusReport> | undefined;
  return {
    clusters,
    gather: () => {
      underWay ??= gather().finally(() => {
        underWay = undefined;
      });
      return underWay;
    },
    close: async () => {
      await Promise.all([shared.close(), ...watches.map((watch) => watch.close())]);
    },
  };
}

async function openBook(stateDirectory: string, log: Log): Promise<SampleBook> {
  const book = new SampleBook(stateDirectory);
  await book.load().catch((error: unknown) => tell(log, error));
  return book;
}

/** Trends are an early warning on top of what is known without them: a full disk here must not hide the rest. */
function tell(log: Log, error: unknown): void {
  log.debug('samples not kept', { reason: toFailure(error).message });
}
