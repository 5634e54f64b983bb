import type { HostSurvey, SurveyedBackup } from '@archive2/core/backups/host-survey.ts';
import { formatLsn } from '@archive2/core/wal/lsn.ts';
import type { AgentReport } from '../model/agent-report.ts';
import type { BackupReport } from '../model/backup-report.ts';
import type { CooldownReport, HostReport, IdentityReport } from '../model/host-report.ts';
import { type Known, mapKnown, thenKnown } from '../model/known.ts';
import { lagOf, newestSegment } from './archived-wal.ts';
import type { HostLook, Trends } from './cluster-look.ts';
import type { PrimaryPlace } from './primary.ts';

export interface HostContext {
  readonly primary: Known<PrimaryPlace>;
  readonly cooldown: Known<CooldownReport | null>;
  readonly trends: Trends;
}

export function hostReport(look: HostLook, { primary, cooldown, trends }: HostContext): HostReport {
  const { name, isLocal, answeredAtMs, tookMs, survey } = look;
  const of = <T>(follow: (survey: HostSurvey) => T): Known<T> => mapKnown(survey, follow);
  const backups = of((it) => it.backups.map((backup) => backupReport(backup, name)).sort(byAge));
  return {
    name,
    isLocal,
    answerMs: of(() => tookMs),
    machine: of(({ host }) => host),
    program: of(({ program }) => program),
    clockOffsetMs: of(({ nowMs }) => Math.round(nowMs - (answeredAtMs - tookMs / 2))),
    storeId: of(({ storeId }) => storeId ?? null),
    identity: of(identityReport),
    newest: of(newestSegment),
    lag: thenKnown(survey, (it) => lagOf(it, primary)),
    debts: of(({ debts }) => ({ count: debts.count, oldestAtMs: debts.oldestMs ?? null })),
    debtsGrowth: thenKnown(survey, () => trends.debtsGrowth(name)),
    disk: of(({ disk: { freeBytes, totalBytes, freeInodes } }) => ({ freeBytes, totalBytes, freeInodes })),
    diskFullAtMs: thenKnown(survey, () => trends.diskFullAtMs(name)),
    quarantined: of(({ quarantined }) => quarantined),
    pins: of(({ pins }) => pins.length),
    lastCleanupAtMs: of(({ lastCleanupMs }) => lastCleanupMs ?? null),
    lastSync: of(({ lastSync }) =>
      lastSync === undefined ? null : { endedAtMs: lastSync.endedMs, peer: lastSync.peer, isEqual: lastSync.isEqual },
    ),
    problems: of(({ problems }) => problems.map(({ what, reason }) => ({ what, reason }))),
    backups,
    lastBackup: mapKnown(backups, newestUsable),
    wal: of(({ wal }) =>
      wal.map(({ timeline, from, to, count, fromMs, toMs }) => {
        return { timeline, from, to, count, fromAtMs: fromMs, toAtMs: toMs };
      }),
    ),
    cooldown,
  };
}

function identityReport({ identity }: HostSurvey): IdentityReport | null {
  if (identity === undefined) return null;
  const { systemIdentifier, segmentSize, postgresMajor } = identity;
  return {
    systemIdentifier: String(systemIdentifier),
    segmentSizeBytes: segmentSize,
    postgresMajor: postgresMajor ?? null,
  };
}

function backupReport(backup: SurveyedBackup, host: string): BackupReport {
  const { name, state, problem, start, stop, startedMs, endedMs, sizeBytes, sourceBytes } = backup;
  return {
    name,
    host,
    state,
    problem: problem ?? null,
    startedAtMs: startedMs === 0 ? null : startedMs,
    endedAtMs: endedMs ?? null,
    timeline: start?.timeline ?? null,
    startLsn: start === undefined ? null : formatLsn(start.lsn),
    stopLsn: stop === undefined ? null : formatLsn(stop.lsn),
    sizeBytes: sizeBytes ?? null,
    sourceBytes: sourceBytes ?? null,
  };
}

/** When a backup became one that can be restored, as far as its record says. */
export function backupAtMs({ startedAtMs, endedAtMs }: BackupReport): number {
  return endedAtMs ?? startedAtMs ?? 0;
}

function byAge(a: BackupReport, b: BackupReport): number {
  return backupAtMs(a) - backupAtMs(b);
}

/** The newest that is complete and can be used; null: there is none. By age, oldest first. */
function newestUsable(backups: readonly BackupReport[]): BackupReport | null {
  return backups.findLast(({ state, problem }) => state === 'complete' && problem === null) ?? null;
}

/** Whether an agent of this machine has the host in cooldown, by what agents noted last. */
export function cooldownOf(host: string, agents: readonly AgentReport[], nowMs: number): CooldownReport | null {
  const cooling = agents.flatMap(({ counters }) => {
    const own = counters.known ? counters.value.hosts.find((it) => it.host === host) : undefined;
    if (own === undefined || own.coolingUntilAtMs === null || own.coolingUntilAtMs <= nowMs) return [];
    return [{ failure: own.lastFailure, untilAtMs: own.coolingUntilAtMs }];
  });
  return cooling.sort((a, b) => b.untilAtMs - a.untilAtMs)[0] ?? null;
}
