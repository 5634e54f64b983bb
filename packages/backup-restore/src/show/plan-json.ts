import type { PlaceAnswer } from '@archive2/core/backups/archive-place.ts';
import type { CoverageWindow } from '@archive2/core/backups/coverage.ts';
import { describeTarget } from '@archive2/core/restore/server/recovery-target.ts';
import { formatLsn, type Lsn } from '@archive2/core/wal/lsn.ts';
import { formatSystemIdentifier } from '@archive2/core/wal/system-identifier.ts';
import { listRestorable, type Restorable, windowsOf } from '../plan/list-restorable.ts';
import { splitAnswers } from '../plan/restore-plan.ts';
import type { WholePlan } from '../whole-plan.ts';
import type { Outcome } from './summary-text.ts';

/** What `--list --json` prints; field by field, as docs/restoring.md has it. Pure. */
export function timelineJson(cluster: string, answers: readonly PlaceAnswer[], nowMs: number): object {
  const { hosts, silent } = splitAnswers(answers);
  const together = listRestorable(hosts);
  return {
    format: 1,
    cluster,
    at: time(nowMs),
    backups: together.map(backupJson),
    hosts: [
      ...hosts.map((host) => ({
        name: host.place.name,
        answers: true,
        restorable: windowsOf([host]).map(windowJson),
      })),
      ...silent.map(({ place, problem }) => ({ name: place.name, answers: false, reason: problem.message })),
    ],
    restorable: windowsOf(hosts).map(windowJson),
  };
}

/** What `--dry-run --json` prints as `plan`. Pure. */
export function planJson(whole: WholePlan): object {
  const { plan } = whole;
  const [{ place, backup }] = plan.copies;
  return {
    cluster: plan.cluster,
    systemIdentifier: formatSystemIdentifier(plan.identity.systemIdentifier),
    to: whole.target,
    owner: whole.account.name,
    target: { kind: plan.wish.target.kind, text: describeTarget(plan.wish.target), action: whole.action },
    standby: plan.wish.isStandby,
    timeline: plan.timeline,
    backup: {
      name: backup.name,
      host: place.name,
      endedAt: time(backup.endedMs),
      sourceBytes: backup.sourceBytes ?? null,
      storedBytes: backup.sizeBytes ?? null,
      startLsn: lsn(backup.start.lsn),
      stopLsn: lsn(backup.stop.lsn),
    },
    wal: {
      lastSegment: plan.reach.last ?? null,
      endLsn: lsn(plan.reach.end),
      endsAt: time(plan.reach.endMs),
      hosts: plan.hosts.map((host) => host.place.name),
    },
    directory: whole.use,
    movedTo: whole.use === 'move' ? whole.asideName : null,
    tablespaces: Object.fromEntries(whole.tablespaces),
    space: whole.space.map(({ path, neededBytes, freeBytes }) => ({ path, neededBytes, freeBytes })),
    postgresMajor: whole.major,
    start: whole.start,
    takeOver: whole.takeOver,
    silentHosts: plan.silent.map((host) => ({ name: host.place.name, reason: host.problem.message })),
    losses: plan.losses,
    warnings: whole.warnings,
  };
}

/** What a restore prints as `result` at its end. Pure. */
export function outcomeJson({ extracted, run, setAside, phases }: Outcome): object {
  return {
    files:
      extracted === undefined
        ? null
        : { count: extracted.fileCount, bytes: extracted.contentBytes, host: extracted.host },
    server:
      run === undefined
        ? null
        : {
            state: run.end.how,
            pid: run.pid ?? null,
            port: run.door.port,
            socketDirectory: run.door.socketDirectory,
            log: run.logFile,
            replayedLsn: run.end.replayedLsn === undefined ? null : lsn(run.end.replayedLsn),
            lastCommitAt: time(run.end.replayedMs),
            newTimeline: run.end.story.newTimeline ?? null,
            locked: run.locked,
          },
    setAside,
    planMs: Math.round(phases.planMs),
    extractMs: Math.round(phases.extractMs),
    replayMs: phases.replayMs === undefined ? null : Math.round(phases.replayMs),
  };
}

function backupJson({ candidate: { place, backup }, reach, leadsToNewest }: Restorable): object {
  return {
    name: backup.name,
    host: place.name,
    startedAt: time(backup.startedMs),
    endedAt: time(backup.endedMs),
    timeline: backup.stop.timeline,
    startLsn: lsn(backup.start.lsn),
    stopLsn: lsn(backup.stop.lsn),
    sourceBytes: backup.sourceBytes ?? null,
    storedBytes: backup.sizeBytes ?? null,
    restorableTo:
      reach.last === undefined ? null : { at: time(reach.endMs), lsn: lsn(reach.end), timeline: reach.timeline },
    leadsToNewestTimeline: leadsToNewest,
    hole:
      reach.missing === undefined
        ? null
        : {
            from: reach.missing.from,
            to: reach.missing.to,
            segments: reach.missing.count,
            accepted: reach.missing.accepted !== undefined,
          },
  };
}

const windowJson = ({ fromMs, toMs }: CoverageWindow) => ({ from: time(fromMs), to: time(toMs) });

function time(atMs: number | undefined): string | null {
  return atMs === undefined ? null : new Date(atMs).toISOString();
}

function lsn(place: Lsn): string {
  return formatLsn(place);
}
