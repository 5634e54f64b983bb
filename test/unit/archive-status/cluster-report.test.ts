import { describe, expect, it } from 'vitest';
import type { ClusterLook } from '../../../packages/archive-status/src/derive/cluster-look.ts';
import { clusterReport } from '../../../packages/archive-status/src/derive/cluster-report.ts';
import type { AgentReport } from '../../../packages/archive-status/src/model/agent-report.ts';
import { known, unknown } from '../../../packages/archive-status/src/model/known.ts';
import type { QueueLook } from '../../../packages/archive-status/src/sources/queue-watch.ts';
import type { ServerAnswer } from '../../../packages/archive-status/src/sources/server-queries.ts';
import type { ServerLook } from '../../../packages/archive-status/src/sources/server-watch.ts';
import { healthyCluster, healthyDrill, minutes, nowMs, seconds } from './healthy-cluster.ts';

const away = unknown('not asked');

function look(change: Partial<ClusterLook> = {}): ClusterLook {
  const host = (name: string) => ({
    name,
    isLocal: false,
    answeredAtMs: nowMs,
    tookMs: 40,
    survey: away,
    events: away,
  });
  return {
    nowMs,
    cluster: 'main',
    expectedPrimary: undefined,
    hosts: [host('arch1'), host('arch2')],
    servers: [],
    patroni: null,
    queue: null,
    agents: known([]),
    cooldowns: known(new Map()),
    events: known([]),
    drills: known([]),
    trends: { diskFullAtMs: () => away, debtsGrowth: () => away, walFullAtMs: () => away },
    ...change,
  };
}

function agentOf(cluster: string, coolingUntilAtMs: number | null): AgentReport {
  const agents = healthyCluster().agents;
  const [agent] = agents?.known === true ? agents.value : [];
  if (agent?.counters.known !== true) throw new Error('the healthy cluster has an agent');
  const [arch1] = agent.counters.value.hosts;
  if (arch1 === undefined) throw new Error('the agent has met hosts');
  agent.counters.value.cluster = cluster;
  arch1.coolingUntilAtMs = coolingUntilAtMs;
  arch1.lastFailure = 'connection refused';
  return agent;
}

function server(name: string, change: Partial<ServerAnswer>, historyMs: number | null | undefined): ServerLook {
  const answer: ServerAnswer = {
    nowMs,
    isStandby: false,
    systemIdentifier: '42',
    version: 150_004,
    segmentSizeBytes: 2 ** 24,
    timeline: 2,
    lsn: '0/5000000',
    startedMs: 0,
    address: null,
    archiveMode: 'on',
    archiveTimeoutSeconds: 0,
    archivedCount: 0,
    lastArchivedWal: null,
    lastArchivedMs: null,
    failedCount: 0,
    lastFailedWal: null,
    lastFailedMs: null,
    mayLookIntoWal: historyMs !== undefined,
    mayReadSettings: false,
    ...change,
  };
  const walDirectory =
    historyMs === undefined ? away : known({ bytes: 1, files: 1, historyMs, readyCount: 0, oldestReadyMs: null });
  return { name, answeredAtMs: nowMs, tookMs: 10, answer: known(answer), walDirectory, walDisk: away };
}

describe('agents and cooldowns', () => {
  const hostCooldowns = (change: Partial<ClusterLook>) =>
    clusterReport(look(change)).hosts.map(({ cooldown }) => cooldown);

  it('are of this cluster only, and none where this machine has none', () => {
    expect(clusterReport(look()).agents).toBeNull();
    expect(clusterReport(look({ agents: known([agentOf('shop', null)]) })).agents).toBeNull();
    expect(clusterReport(look({ agents: known([agentOf('main', null)]) })).agents).toMatchObject({ value: [{}] });
    expect(clusterReport(look({ agents: away })).agents).toEqual(away);
    const unreadable: AgentReport = { file: 'push-1.metrics.json', counters: away, isAlive: away, answers: away };
    expect(clusterReport(look({ agents: known([unreadable]) })).agents).toMatchObject({ value: [{ counters: away }] });
  });

  it('have a host in cooldown until its end', () => {
    const until = nowMs + 30 * seconds;
    expect(hostCooldowns({ agents: known([agentOf('main', until)]) })).toEqual([
      known({ failure: 'connection refused', untilAtMs: until }),
      known(null),
    ]);
    expect(hostCooldowns({ agents: known([agentOf('main', nowMs - 1)]) })).toEqual([known(null), known(null)]);
  });

  it('are told by cooldown.json where there is no agent, and not known where nothing was noted', () => {
    const noted = new Map([['arch1', { failures: 3, failedAtMs: nowMs - 10 * seconds }]]);
    expect(hostCooldowns({ cooldowns: known(noted) })).toEqual([
      known({ failure: null, untilAtMs: nowMs + 50 * seconds }),
      known(null),
    ]);
    expect(hostCooldowns({ cooldowns: known(new Map([['arch1', { failures: 1, failedAtMs: nowMs }]])) })).toEqual([
      known(null),
      known(null),
    ]);
    expect(hostCooldowns({}).every((cell) => !cell.known)).toBe(true);
  });
});

describe('roles', () => {
  const role = (...servers: ServerLook[]) => clusterReport(look({ servers })).role;

  it('have the primary, its timeline and since when', () => {
    const standby = server('db2:5432', { isStandby: true }, null);
    expect(role(server('db1:5432', {}, nowMs - 5 * minutes), standby)).toMatchObject({
      primaries: known(['db1:5432']),
      timeline: known(2),
      timelineSinceAtMs: known(nowMs - 5 * minutes),
    });
  });

  it('have both of two primaries, with the timeline of the one that was promoted', () => {
    const [old, promoted] = [server('db1:5432', { timeline: 1 }, null), server('db2:5432', { timeline: 2 }, nowMs)];
    expect(role(old, promoted)).toMatchObject({ primaries: known(['db1:5432', 'db2:5432']), timeline: known(2) });
  });

  it('know that there is no primary only when every server said so', () => {
    const standby = server('db2:5432', { isStandby: true }, null);
    expect(role(standby).primaries).toEqual(known([]));
    const silent: ServerLook = { ...standby, name: 'db1:5432', answer: away };
    expect(role(standby, silent).primaries.known).toBe(false);
    expect(role().primaries.known).toBe(false);
  });

  it('know without a look into pg_wal that timeline 1 is the first', () => {
    expect(role(server('db1:5432', { timeline: 1 }, undefined)).timelineSinceAtMs).toEqual(known(null));
    expect(role(server('db1:5432', { timeline: 2 }, undefined)).timelineSinceAtMs.known).toBe(false);
  });
});

describe('drills', () => {
  const queue = {
    state: { nowMs, hosts: [], servers: [], clusters: [], running: [] },
    tasks: new Map(),
    verifications: new Map(),
  };

  it('are of the queue and of this machine, each once, newest first', () => {
    const own = healthyDrill(3 * minutes);
    const verification = {
      id: own.id,
      taskId: undefined,
      cluster: 'main',
      host: own.host,
      name: own.backup,
      method: 'restore',
      startedAtMs: own.startedAtMs,
      endedAtMs: own.endedAtMs,
      ok: true,
      error: undefined,
      details: {},
    };
    const newer = { ...verification, id: 'newer', endedAtMs: nowMs };
    const queued: QueueLook = { ...queue, verifications: new Map([['main', [verification, newer]]]) };
    const { drills } = clusterReport(look({ queue: known(queued), drills: known([own]) }));
    expect(drills).toMatchObject({ value: [{ id: 'newer' }, { id: own.id, rtoMs: own.rtoMs }] });
  });

  it('are not known while the queue is not: it has those of other machines', () => {
    expect(clusterReport(look({ queue: away, drills: known([healthyDrill(minutes)]) })).drills).toEqual(away);
    expect(clusterReport(look({ queue: known(queue), drills: away })).drills).toEqual(away);
  });
});

describe('events', () => {
  it('are those of all logs that could be read', () => {
    const event = (atMs: number) => ({ atMs, host: 'x', event: 'host-back', severity: 'info' as const, fields: {} });
    const given = look({ events: known([event(1)]) });
    const [arch1, arch2] = given.hosts;
    if (arch1 === undefined || arch2 === undefined) throw new Error('the look has two hosts');
    const hosts = [{ ...arch1, events: known([event(3), event(2)]) }, arch2];
    expect(clusterReport({ ...given, hosts }).events).toMatchObject({ value: [{ atMs: 3 }, { atMs: 2 }, { atMs: 1 }] });
    expect(clusterReport(look({ events: away })).events).toEqual(away);
  });
});
