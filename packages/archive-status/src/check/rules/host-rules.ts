import { formatBytes } from '@archive2/core/base/byte-size.ts';
import { formatSpan } from '@archive2/core/cli/relative-time.ts';
import type { AgentReport } from '../../model/agent-report.ts';
import type { HostReport } from '../../model/host-report.ts';
import { type Known, valueOr } from '../../model/known.ts';
import type { ClusterReport } from '../../model/status-report.ts';
import type { Limits } from '../../settings/limits.ts';
import {
  critical,
  judgeKnown,
  levelAbove,
  notKnown,
  type Opinion,
  ok,
  type Question,
  type Rule,
  warning,
} from '../rule.ts';

export const hosts: Rule = {
  name: 'hosts',
  summary: 'an archive host does not answer',
  judge({ hosts: all }) {
    const silent = all.filter(({ answerMs }) => !answerMs.known);
    if (silent.length === 0) return [ok(`${all.map(({ name }) => name).join(' and ')} answer`)];
    const text = silent.map(
      ({ name, answerMs }) => `${name} does not answer (${answerMs.known ? '' : answerMs.reason})`,
    );
    return [silent.length === all.length ? critical(text.join('; ')) : warning(text.join('; '))];
  },
};

export const identity: Rule = {
  name: 'identity',
  summary: 'hosts or servers are of different clusters, or two names lead to one archive',
  judge: (cluster) => [judgeIdentity(cluster)],
};

function judgeIdentity({ hosts: all, servers }: ClusterReport): Opinion {
  const stores = all.map(({ storeId }) => storeId);
  const systems: readonly (readonly [string, Known<string | null>])[] = [
    ...all.map(({ name, identity: cell }) => [name, systemOf(cell)] as const),
    ...servers.map(({ name, systemIdentifier }) => [name, systemIdentifier] as const),
  ];
  const said = systems.flatMap(([name, cell]) =>
    cell.known && cell.value !== null ? [{ name, system: cell.value }] : [],
  );
  const [first] = said;
  const other = said.find(({ system }) => system !== first?.system);
  if (first !== undefined && other !== undefined) {
    return critical(`${first.name} and ${other.name} are of different clusters: ${first.system} and ${other.system}`);
  }
  const ids = stores.flatMap((cell) => (cell.known && cell.value !== null ? [cell.value] : []));
  if (new Set(ids).size < ids.length)
    return critical('both archive hosts lead to one archive: every copy is there once');
  const unknown = [...systems.map(([, cell]) => cell), ...stores].find((cell) => !cell.known);
  if (unknown !== undefined && !unknown.known) return notKnown(unknown.reason);
  return ok(first === undefined ? 'the archives have no identity yet' : `all are of cluster ${first.system}`);
}

function systemOf(cell: HostReport['identity']): Known<string | null> {
  return cell.known ? { known: true, value: cell.value?.systemIdentifier ?? null } : cell;
}

export const clock: Rule = {
  name: 'clock',
  summary: 'clocks differ: of a host or server from this machine’s, or of the archive hosts from each other',
  judge({ hosts: all, servers }, { thresholds: { clockDifference } }) {
    const [first, second] = all;
    return [
      ...[...all, ...servers].map((it) => judgeClock(`the clock of ${it.name}`, it, clockDifference)),
      ...(first === undefined || second === undefined ? [] : [judgeClockPair(first, second, clockDifference)]),
    ];
  },
};

/** A clock that was read over the network; it cannot be known better than the answer took. */
interface ReadClock {
  readonly clockOffsetMs: Known<number>;
  readonly answerMs: Known<number>;
}

function judgeClock(what: string, { clockOffsetMs, answerMs }: ReadClock, limits: Limits): Opinion {
  return judgeKnown(clockOffsetMs, (offsetMs) => {
    const level = levelAbove(Math.abs(offsetMs) - valueOr(answerMs, 0), limits);
    if (level === 'ok') return ok(`${what} is right`);
    return { level, text: `${what} is ${formatSpan(Math.abs(offsetMs))} ${offsetMs > 0 ? 'ahead' : 'behind'}` };
  });
}

function judgeClockPair(a: HostReport, b: HostReport, limits: Limits): Opinion {
  return judgeKnown(a.clockOffsetMs, (first) =>
    judgeKnown(b.clockOffsetMs, (second) => {
      const offMs = Math.abs(first - second);
      const level = levelAbove(offMs - valueOr(a.answerMs, 0) - valueOr(b.answerMs, 0), limits);
      if (level === 'ok') return ok(`the clocks of ${a.name} and ${b.name} agree`);
      return { level, text: `the clocks of ${a.name} and ${b.name} differ by ${formatSpan(offMs)}` };
    }),
  );
}

export const disk: Rule = {
  name: 'disk',
  summary: 'the disk of an archive host is nearly full',
  judge: ({ hosts: all }, question) => all.map((host) => judgeDisk(host, question)),
};

function judgeDisk({ name, disk: cell }: HostReport, { thresholds: { diskUsedPercent } }: Question): Opinion {
  return judgeKnown(cell, ({ freeBytes, totalBytes }) => {
    if (totalBytes === 0) return notKnown(`${name} does not know the size of its disk`);
    const used = 100 * (1 - freeBytes / totalBytes);
    const measure = {
      label: `${name}_disk_used`,
      value: Math.round(used * 10) / 10,
      unit: '%',
      limits: diskUsedPercent,
    } as const;
    const text = `the disk of ${name} is ${Math.floor(used)} % full, ${formatBytes(freeBytes)} are free`;
    return { level: levelAbove(used, diskUsedPercent), text, measures: [measure] };
  });
}

export const diskTrend: Rule = {
  name: 'disk-trend',
  summary: 'the disk of an archive host will soon be full, if it fills as it does now',
  isAdvisory: true,
  judge: ({ hosts: all }, { nowMs, thresholds: { diskFullIn } }) =>
    all.map(({ name, diskFullAtMs }) =>
      judgeKnown(diskFullAtMs, (atMs) => fullIn(`the disk of ${name}`, atMs, nowMs, diskFullIn)),
    ),
};

/** The opinion on a moment at which something is full. */
export function fullIn(
  what: string,
  atMs: number | null,
  nowMs: number,
  limits: { warning: number; critical: number },
): Opinion {
  if (atMs === null) return ok(`${what} does not fill`);
  const restMs = Math.max(0, atMs - nowMs);
  const text = `${what} is full in ${formatSpan(restMs)}, if it fills as it does now`;
  if (restMs < limits.critical) return critical(text);
  return restMs < limits.warning ? warning(text) : ok(text);
}

export const archive: Rule = {
  name: 'archive',
  summary: 'an archive host keeps refused contents, or cannot read a part of its archive',
  judge: ({ hosts: all }) =>
    all.flatMap(({ name, quarantined, problems }) => [
      judgeKnown(quarantined, (count) => {
        if (count === 0) return ok(`the quarantine of ${name} is empty`);
        return warning(
          `${count} refused or damaged files are in the quarantine of ${name}: archive_remote_cmd conflict list`,
        );
      }),
      judgeKnown(problems, ([first]) => {
        if (first === undefined) return ok(`${name} can read its archive`);
        return warning(`${name} cannot read ${first.what}: ${first.reason}`);
      }),
    ]),
};

export const cooldown: Rule = {
  name: 'cooldown',
  summary: 'an agent of this machine has an archive host in cooldown',
  judge({ hosts: all, agents }, { nowMs }) {
    if (agents === null && all.every((host) => !host.cooldown.known)) {
      return [ok('no agent of this cluster is on this machine')];
    }
    return all.map(({ name, cooldown: cell }) =>
      judgeKnown(cell, (cooling) => {
        if (cooling === null) return ok(`${name} is not in cooldown`);
        const why = cooling.failure === null ? '' : `: ${cooling.failure}`;
        return warning(
          `${name} is in cooldown for another ${formatSpan(Math.max(0, cooling.untilAtMs - nowMs))}${why}`,
        );
      }),
    );
  },
};

export const agent: Rule = {
  name: 'agent',
  summary: 'an agent of this machine does not answer, or its last call failed',
  judge({ agents }) {
    if (agents === null) return [ok('no agent of this cluster is on this machine')];
    if (!agents.known) return [notKnown(agents.reason)];
    return agents.value.map(judgeAgent);
  },
};

function judgeAgent({ file, counters, answers }: AgentReport): Opinion {
  if (!answers.known) return notKnown(answers.reason);
  if (answers.value === false) return warning(`the agent of ${file} is there and does not answer`);
  return judgeKnown(counters, ({ role, lastFailure, lastSuccessAtMs }) => {
    const command = role === 'push' ? 'archive_cmd' : 'restore_cmd';
    const hasFailed = lastFailure !== null && lastFailure.atMs > (lastSuccessAtMs ?? 0);
    if (hasFailed) return warning(`the last call of ${command} failed: ${lastFailure.message}`);
    return ok(`the agent behind ${command} ${answers.value === null ? 'has nothing to do' : 'answers'}`);
  });
}
