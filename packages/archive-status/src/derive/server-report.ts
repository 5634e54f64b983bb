import { type Known, known, mapKnown, unknown } from '../model/known.ts';
import type { PatroniReport, RoleReport, ServerReport } from '../model/server-report.ts';
import type { ServerAnswer } from '../sources/server-queries.ts';
import type { ServerLook } from '../sources/server-watch.ts';
import type { Trends } from './cluster-look.ts';

export function serverReport(
  { name, answeredAtMs, tookMs, answer, walDirectory, walDisk }: ServerLook,
  trends: Trends,
): ServerReport {
  const of = <T>(follow: (answer: ServerAnswer) => T): Known<T> => mapKnown(answer, follow);
  return {
    name,
    nowAtMs: of(({ nowMs }) => nowMs),
    clockOffsetMs: of(({ nowMs }) => Math.round(nowMs - (answeredAtMs - tookMs / 2))),
    answerMs: of(() => tookMs),
    role: of(({ isStandby }) => (isStandby ? 'standby' : 'primary')),
    systemIdentifier: of(({ systemIdentifier }) => systemIdentifier),
    serverVersion: of(({ version }) => version),
    segmentSizeBytes: of(({ segmentSizeBytes }) => segmentSizeBytes),
    timeline: of(({ timeline }) => timeline),
    timelineSinceAtMs: mapKnown(walDirectory, ({ historyMs }) => historyMs),
    lsn: of(({ lsn }) => lsn),
    archiver: of((it) => ({
      mode: it.archiveMode,
      timeoutMs: it.archiveTimeoutSeconds === 0 ? null : it.archiveTimeoutSeconds * 1000,
      archivedCount: it.archivedCount,
      lastArchivedWal: it.lastArchivedWal,
      lastArchivedAtMs: it.lastArchivedMs,
      failedCount: it.failedCount,
      lastFailedWal: it.lastFailedWal,
      lastFailedAtMs: it.lastFailedMs,
    })),
    ready: mapKnown(walDirectory, ({ readyCount, oldestReadyMs }) => ({
      count: readyCount,
      oldestAtMs: oldestReadyMs,
    })),
    walDirectory: mapKnown(walDirectory, ({ bytes, files }) => ({ bytes, files })),
    walDisk,
    walFullAtMs: walDisk.known ? trends.walFullAtMs(name) : walDisk,
  };
}

export function roleReport(
  servers: readonly ServerReport[],
  expectedPrimary: string | undefined,
  patroni: Known<PatroniReport> | null,
): RoleReport {
  const primaries = servers.filter(({ role }) => role.known && role.value === 'primary');
  const [newest] = primaries.toSorted((a, b) => timelineOf(b) - timelineOf(a));
  const none = noPrimary(servers);
  return {
    expectedPrimary: expectedPrimary ?? null,
    primaries: primaries.length > 0 ? known(primaries.map(({ name }) => name)) : none,
    timeline: newest?.timeline ?? toUnknown(none),
    timelineSinceAtMs: newest?.timelineSinceAtMs ?? toUnknown(none),
    patroni,
  };
}

function timelineOf({ timeline }: ServerReport): number {
  return timeline.known ? timeline.value : 0;
}

/** Known and empty only when every server said that it is none. */
function noPrimary(servers: readonly ServerReport[]): Known<readonly string[]> {
  if (servers.length === 0) return unknown('no servers are configured');
  const silent = servers.flatMap(({ role }) => (role.known ? [] : [role.reason]));
  return silent.length === 0 ? known([]) : unknown(silent.join('; '));
}

function toUnknown(cell: Known<unknown>): Known<never> {
  return cell.known ? unknown('no server is a primary') : cell;
}
