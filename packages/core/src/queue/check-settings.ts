import { Failure } from '../base/failure.ts';
import { formatConninfo, parseConninfo, refuseSecrets } from '../postgres/conninfo.ts';
import type { ClusterSettings, HostSettings, ScheduleSettings, ServerSettings } from './cluster-settings.ts';
import { checkTimeZone } from './start-window.ts';
import type { ClaimRequest } from './task.ts';
import { parseTaskKind } from './task-kind.ts';

/** Throws `usage` for what can't be a cluster. Both stores call it; the PostgreSQL schema has the same rules as constraints. */
export function checkCluster(settings: ClusterSettings): void {
  checkName(settings.name, 'a cluster');
  if (settings.archiveHosts.length === 0) refuse('a cluster needs an archive host');
  for (const host of settings.archiveHosts) checkName(host, 'an archive host');
  if (new Set(settings.archiveHosts).size < settings.archiveHosts.length) refuse('an archive host is named twice');
  if (!/^\/[^\0\n\r]*$/.test(settings.directory)) {
    refuse(`the directory ${JSON.stringify(settings.directory)} is not an absolute path`);
  }
  checkName(settings.sourceServer, 'a source server');
  checkTimeZone(settings.timeZone);
  refuseSecrets(parseConninfo(settings.conninfo));
}

/** A connection string as the queue keeps it: as `keyword=value` words, whichever way it was given. */
export function storedConninfo(conninfo: string): string {
  return formatConninfo(parseConninfo(conninfo));
}

/** Throws `usage` for what can't be a schedule. */
export function checkSchedule(settings: ScheduleSettings): void {
  parseTaskKind(settings.kind);
  const { periodicityDays, startWindow, options } = settings;
  if (!(periodicityDays >= 0.01 && periodicityDays <= 3660)) refuse('a period is 0.01 to 3660 days');
  checkCount(settings.keep, 1, 10_000, 'the number of backups to keep');
  checkCount(settings.priority, -1000, 1000, 'a priority');
  checkCount(settings.failureLimit, 1, 1000, 'the limit of failures');
  if (startWindow !== undefined) {
    checkCount(startWindow.fromMinute, 0, 1439, 'the beginning of a start window, in minutes of the day,');
    checkCount(startWindow.toMinute, 0, 1439, 'the end of a start window, in minutes of the day,');
    if (startWindow.fromMinute === startWindow.toMinute) refuse('a start window ends where it begins');
  }
  const secret = Object.keys(options).find((name) => /password|secret|token/i.test(name));
  if (secret !== undefined) refuse(`the option ${secret} looks like a secret; the queue is no place for it`);
}

export function checkHost(settings: HostSettings): void {
  checkName(settings.name, 'an archive host');
  checkCount(settings.maxRunning, 1, 1000, 'the limit of an archive host');
}

export function checkServer(settings: ServerSettings): void {
  checkName(settings.name, 'a source server');
  checkCount(settings.maxRunning, 1, 1000, 'the limit of a source server');
}

/** Throws `usage` for a request that can't be answered. */
export function checkClaimRequest({ token, host, kinds, cluster, force, leaseSeconds }: ClaimRequest): void {
  checkUuid(token);
  checkName(host, 'an archive host');
  for (const kind of kinds ?? []) parseTaskKind(kind);
  if (kinds?.length === 0) refuse('no kind of task is asked for');
  if (force === true && (cluster === undefined || (kinds ?? ['base']).length !== 1)) {
    refuse('a task out of turn needs a cluster and one kind');
  }
  if (leaseSeconds !== undefined) checkCount(leaseSeconds, 1, 604_800, 'a lease, in seconds,');
}

export function checkUuid(text: string): void {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) refuse(`${JSON.stringify(text)} is not a UUID`);
}

function checkName(name: string, what: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(name)) {
    refuse(`${JSON.stringify(name.slice(0, 80))} cannot be the name of ${what}`, nameHint);
  }
}

const nameHint = 'A name is 1 to 63 letters, digits, "_", "." and "-", and begins with a letter or digit.';

function checkCount(value: number, least: number, most: number, what: string): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    refuse(`${what} is a whole number from ${least} to ${most}`);
  }
}

function refuse(message: string, hint?: string): never {
  throw new Failure('usage', message, hint === undefined ? {} : { hint });
}
