import type { HostReport } from '../../model/host-report.ts';
import type { ClusterReport, StatusReport } from '../../model/status-report.ts';

export interface LastAnswer {
  readonly atMs: number;
  /** What the archive host said then; undefined for other sources. */
  readonly host: HostReport | undefined;
}

/** By cluster and source: when it answered last, as far as this process knows. */
export type Answers = ReadonlyMap<string, LastAnswer>;

export const emptyAnswers: Answers = new Map();

export interface Source {
  /** "host arch1", "server db1:5432", "queue". */
  readonly name: string;
  readonly kind: 'host' | 'server' | 'queue' | 'patroni' | 'agents' | 'events';
  readonly isUp: boolean;
  /** Why it is not. */
  readonly reason: string | undefined;
}

/** All that a cluster's report was made of, and what of it answered. Pure. */
export function sourcesOf(cluster: ClusterReport): Source[] {
  const source = (kind: Source['kind'], name: string, cell: { known: boolean; reason?: string }): Source => ({
    name,
    kind,
    isUp: cell.known,
    reason: cell.reason,
  });
  return [
    ...cluster.hosts.map(({ name, answerMs }) => source('host', `host ${name}`, answerMs)),
    ...cluster.servers.map(({ name, role }) => source('server', `server ${name}`, role)),
    ...(cluster.queue === null ? [] : [source('queue', 'queue', cluster.queue)]),
    ...(cluster.role.patroni === null ? [] : [source('patroni', 'patroni', cluster.role.patroni)]),
    ...(cluster.agents === null ? [] : [source('agents', 'agents', cluster.agents)]),
    source('events', 'events', cluster.events),
  ];
}

export function answerKey(cluster: string, source: string): string {
  return JSON.stringify([cluster, source]);
}

/** The answers after one more report. Clusters and sources that it does not have are forgotten. Pure. */
export function rememberAnswers(before: Answers, report: StatusReport): Answers {
  const after = new Map<string, LastAnswer>();
  for (const cluster of report.clusters) {
    for (const { kind, name, isUp } of sourcesOf(cluster)) {
      const key = answerKey(cluster.cluster, name);
      const host = kind === 'host' ? cluster.hosts.find((candidate) => `host ${candidate.name}` === name) : undefined;
      const answer = isUp ? { atMs: report.generatedAtMs, host } : before.get(key);
      if (answer !== undefined) after.set(key, answer);
    }
  }
  return after;
}
