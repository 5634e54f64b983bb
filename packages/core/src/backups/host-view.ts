import { hostname } from 'node:os';
import type { ClusterDirectory } from '../archive/cluster-directory.ts';
import { listArchiveNames } from '../archive/newest-segments.ts';
import { Failure } from '../base/failure.ts';
import { toDiskFailure } from '../files/disk-error.ts';
import {
  type ArchiveFileName,
  isArchiveFileName,
  parseArchiveFileName,
  type SegmentName,
} from '../wal/archive-file.ts';
import type { ClusterIdentity } from '../wal/cluster-identity.ts';
import { segmentNameAt, segmentNumberOfLsn } from '../wal/segment-position.ts';
import type { SegmentSize } from '../wal/segment-size.ts';
import { formatPlace, parsePlace } from './backup-record.ts';
import { holdsStart } from './cleanup-plan.ts';
import { listBackups } from './list-backups.ts';
import { Pins } from './pins.ts';
import { type Protection, protectionsOf } from './protection.ts';

/** What one archive host knows that decides what may be removed on either. */
export interface HostView {
  readonly host: string;
  readonly nowMs: number;
  readonly protections: readonly Protection[];
  /** Of the segments that were asked about, and of those in which its own complete backups begin: which it lacks. */
  readonly missing: readonly SegmentName[];
}

/** The name of this machine, for people. */
export const thisHost = hostname();

/** Backups and pins of this host as they are now. Throws Failure when they cannot be read: nothing may be removed then. */
export async function readProtections(
  cluster: ClusterDirectory,
  identity: ClusterIdentity,
  nowMs: number,
): Promise<Protection[]> {
  const backups = await listBackups(cluster, identity, nowMs);
  return protectionsOf(thisHost, backups, await new Pins(cluster).list(), nowMs);
}

/** This host's own view. `asked`: segments in which backups of the other host begin. */
export async function viewHost(
  cluster: ClusterDirectory,
  identity: ClusterIdentity,
  asked: readonly SegmentName[],
  nowMs: number,
): Promise<HostView> {
  const protections = await readProtections(cluster, identity, nowMs);
  const names = await readNames(cluster);
  const starts = new Set([...asked, ...startsOf(protections, identity.segmentSize)]);
  const missing = [...starts].filter((start) => !holdsSegment(names, start));
  return { host: thisHost, nowMs, protections, missing };
}

export async function readNames(cluster: ClusterDirectory): Promise<ArchiveFileName[]> {
  try {
    return await listArchiveNames(cluster.walDirectory);
  } catch (error) {
    throw toDiskFailure(error, `listing ${cluster.walDirectory}`);
  }
}

/** The segments in which complete backups begin. */
export function startsOf(protections: readonly Protection[], size: SegmentSize): SegmentName[] {
  return protections.flatMap(({ from, permits }) =>
    permits && from !== undefined ? [segmentNameAt(from.timeline, segmentNumberOfLsn(from.lsn, size), size)] : [],
  );
}

/**
 * Throws Failure `cleanup_refused` when neither host has the WAL that a complete backup begins with: that backup cannot be
 * restored, and why is to be found out before more is removed. `there`: undefined for a site with one host.
 */
export function checkStartsAreHeld(here: HostView, there: HostView | undefined): void {
  const lost = here.missing.find((name) => there === undefined || there.missing.includes(name));
  if (lost === undefined) return;
  throw new Failure('cleanup_refused', `${lost}, with which a complete base backup begins, is on no archive host`, {
    hint:
      'That backup cannot be restored. Look for the segment in quarantine and pg_wal; if it is gone, remove the backup, ' +
      'and see to it that there is another one.',
  });
}

function holdsSegment(names: readonly ArchiveFileName[], segment: SegmentName): boolean {
  const file = parseArchiveFileName(segment);
  return file.kind === 'segment' && holdsStart(names, file);
}

/** More backups and pins than a host ever has. */
const maxProtections = 2000;
const maxText = 500;

/** A view as it crosses the session. */
export function formatHostView({ host, nowMs, protections, missing }: HostView): Buffer {
  const json = {
    host: host.slice(0, maxText),
    nowMs,
    protections: protections.map(({ holder, from, unreadable, permits, startedMs }) => ({
      holder: holder.slice(0, maxText),
      permits,
      startedMs,
      ...(from === undefined ? {} : { from: formatPlace(from) }),
      ...(unreadable === undefined ? {} : { unreadable: unreadable.slice(0, maxText) }),
    })),
    missing,
  };
  return Buffer.from(JSON.stringify(json));
}

/** Throws Failure `protocol` for anything that is no view: what cannot be read protects everything. */
export function parseHostView(body: Buffer): HostView {
  try {
    const { host, nowMs, protections, missing } = JSON.parse(body.toString('utf8')) as Record<string, unknown>;
    if (!isText(host) || !Number.isSafeInteger(nowMs)) throw new Error('host or nowMs is missing');
    if (!Array.isArray(protections) || protections.length > maxProtections) throw new Error('protections are no list');
    return {
      host,
      nowMs: nowMs as number,
      protections: protections.map((it) => parseProtection(it as Record<string, unknown>, host)),
      missing: parseSegmentNames(missing),
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Failure('protocol', `the view of the other archive host cannot be read: ${reason}`, { cause: error });
  }
}

function parseProtection(json: Record<string, unknown>, host: string): Protection {
  const { holder, from, unreadable, permits, startedMs } = json;
  if (!isText(holder) || typeof permits !== 'boolean') throw new Error('a protection is none');
  if (unreadable !== undefined && !isText(unreadable)) throw new Error('a protection is none');
  if (startedMs !== undefined && !Number.isFinite(startedMs)) throw new Error('a protection is none');
  const place = from === undefined ? undefined : parsePlace(from, holder);
  return {
    host,
    holder,
    from: place,
    unreadable,
    // One that is not known to be old keeps nothing young from going.
    permits: permits && place !== undefined && startedMs !== undefined,
    startedMs: startedMs as number | undefined,
  };
}

/** Throws an Error for anything but a list of names of full segments. */
export function parseSegmentNames(value: unknown): SegmentName[] {
  if (!Array.isArray(value) || value.length > 2 * maxProtections) throw new Error('names are no list');
  return value.map((name: unknown) => {
    const file = typeof name === 'string' && isArchiveFileName(name) ? parseArchiveFileName(name) : undefined;
    if (file?.kind !== 'segment') throw new Error('a name is no segment');
    return file.name;
  });
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= maxText;
}
