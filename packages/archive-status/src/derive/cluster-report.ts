import { isCoolingDown } from '@archive2/core/hosts/cooldown.ts';
import type { AgentReport } from '../model/agent-report.ts';
import type { BackupReport, DrillReport } from '../model/backup-report.ts';
import type { CooldownReport, HostReport } from '../model/host-report.ts';
import { type Known, known, mapKnown, unknown } from '../model/known.ts';
import type { RoleReport } from '../model/server-report.ts';
import type { ClusterReport, EventReport } from '../model/status-report.ts';
import { shownEvents } from '../sources/events.ts';
import type { ClusterLook } from './cluster-look.ts';
import { coverageOfLooks, coverageReport } from './coverage.ts';
import { drillsOfQueue } from './drills.ts';
import { backupAtMs, cooldownOf, hostReport } from './host-report.ts';
import { primaryPlace } from './primary.ts';
import { queueReport } from './queue-report.ts';
import { roleReport, serverReport } from './server-report.ts';
import { walReport } from './wal-report.ts';

/** Everything that the sources' answers say of a cluster. Pure. */
export function clusterReport(look: ClusterLook): ClusterReport {
  const { cluster, nowMs, expectedPrimary, patroni, queue, trends } = look;
  const primary = primaryPlace(look.servers);
  const agents = agentsOf(cluster, look.agents);
  const hosts = look.hosts.map((host) => {
    const cooldown = cooldownCell(host.name, agents, look.cooldowns, nowMs);
    return hostReport(host, { primary, cooldown, trends });
  });
  const servers = look.servers.map((server) => serverReport(server, trends));
  const coverage = coverageOfLooks(look.hosts);
  return {
    cluster,
    hosts,
    servers,
    role: sinceInArchive(roleReport(servers, expectedPrimary, patroni), hosts),
    wal: walReport(look.hosts, coverage, primary),
    newestBackup: newestOf(hosts),
    queue: queue === null ? null : mapKnown(queue, (it) => queueReport(it, cluster)),
    drills: drillsCell(look),
    coverage: mapKnown(coverage, coverageReport),
    agents,
    events: eventsCell(look),
  };
}

/** The agents that served this cluster last, and those whose files cannot be read, which may be its. null: none. */
function agentsOf(cluster: string, agents: Known<readonly AgentReport[]>): Known<readonly AgentReport[]> | null {
  if (!agents.known) return agents;
  const own = agents.value.filter(({ counters }) => !counters.known || counters.value.cluster === cluster);
  return own.length === 0 ? null : known(own);
}

/** What a host's last failures mean to a command with the default settings. */
const usualPolicy = { retryCount: 3, cooldownMs: 60_000 };

function cooldownCell(
  host: string,
  agents: Known<readonly AgentReport[]> | null,
  cooldowns: ClusterLook['cooldowns'],
  nowMs: number,
): Known<CooldownReport | null> {
  if (agents !== null) return mapKnown(agents, (all) => cooldownOf(host, all, nowMs));
  if (!cooldowns.known) return cooldowns;
  if (cooldowns.value.size === 0) return unknown('no agent of this cluster is on this machine');
  const record = cooldowns.value.get(host);
  if (record === undefined || !isCoolingDown(usualPolicy, record, nowMs)) return known(null);
  return known({ failure: null, untilAtMs: record.failedAtMs + usualPolicy.cooldownMs });
}

function newestOf(hosts: readonly HostReport[]): Known<BackupReport | null> {
  const cells = hosts.map(({ lastBackup }) => lastBackup);
  const found = cells.flatMap((cell) => (cell.known && cell.value !== null ? [cell.value] : []));
  const [newest] = found.sort((a, b) => backupAtMs(b) - backupAtMs(a));
  if (newest !== undefined) return known(newest);
  return cells.find((cell) => !cell.known) ?? known(null);
}

/** A login that may not look into pg_wal leaves it to the archive: a timeline began about when its first segment was written. */
function sinceInArchive(role: RoleReport, hosts: readonly HostReport[]): RoleReport {
  const { timeline, timelineSinceAtMs } = role;
  if (timelineSinceAtMs.known || !timeline.known) return role;
  const first = hosts.flatMap(({ wal }) =>
    wal.known ? wal.value.filter((band) => band.timeline === timeline.value).map(({ fromAtMs }) => fromAtMs) : [],
  );
  if (timeline.value === 1) return { ...role, timelineSinceAtMs: known(null) };
  return first.length === 0 ? role : { ...role, timelineSinceAtMs: known(Math.min(...first)) };
}

/** Of this machine's log and those of the hosts that answered; unknown only when none could be read. */
function eventsCell({ events, hosts }: ClusterLook): Known<readonly EventReport[]> {
  const logs = [events, ...hosts.map((host) => host.events)];
  const found = logs.flatMap((log) => (log.known ? log.value : []));
  if (logs.every((log) => !log.known)) return events;
  return known(found.sort((a, b) => b.atMs - a.atMs).slice(0, shownEvents));
}

/** Of both sources; unknown where the queue is, which has those of all machines. This machine's records have more of each. */
function drillsCell({ queue, drills, cluster }: ClusterLook): Known<readonly DrillReport[]> {
  if (queue !== null && !queue.known) return queue;
  if (!drills.known) return drills;
  const queued = queue === null ? [] : drillsOfQueue(queue.value.verifications.get(cluster) ?? []);
  const byId = new Map([...queued, ...drills.value].map((it) => [it.id, it]));
  return known([...byId.values()].sort((a, b) => b.endedAtMs - a.endedAtMs));
}
