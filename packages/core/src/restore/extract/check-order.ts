import { isAbsolute, relative } from 'node:path';
import type { SurveyedBackup } from '../../backups/host-survey.ts';
import type { Extraction } from './extraction.ts';
import { refused } from './extraction-failure.ts';
import { oidPattern } from './tablespace-map.ts';

/** One tar of a backup, as it is stored. */
export interface StoredTar {
  /** "base.tar.zst" */
  readonly file: string;
  readonly sizeBytes: number;
  /** Where its members belong: "base", "pg_wal", or a tablespace's OID. */
  readonly part: string;
}

const tarName = /^(base|pg_wal|[1-9][0-9]{0,9})\.tar(?:\.zst)?$/;

/** The tars of a backup, the largest first, so that the last one to end is not one that began late. */
export function storedTars(backup: SurveyedBackup): StoredTar[] {
  const tars = backup.files.flatMap(({ name, sizeBytes }) => {
    const part = tarName.exec(name)?.[1];
    return part === undefined ? [] : [{ file: name, sizeBytes, part }];
  });
  return tars.sort((a, b) => b.sizeBytes - a.sizeBytes);
}

/** Throws `restore_refused` for what cannot be extracted, or not to there, whatever is on the disk. */
export function checkOrder({ copies, target, tablespaces }: Extraction): void {
  for (const { backup } of copies) checkBackup(backup);
  const parts = new Set(storedTars(copies[0].backup).map(({ part }) => part));
  for (const part of parts) {
    if (!oidPattern.test(part) || tablespaces.has(part)) continue;
    throw refused(
      `the tablespace ${part} of ${copies[0].backup.name} has no new directory`,
      'Say where each tablespace of the backup is to be.',
    );
  }
  for (const oid of tablespaces.keys()) {
    if (parts.has(oid)) continue;
    throw refused(`${copies[0].backup.name} has no tablespace ${oid}`, 'Leave it out of the mapping.');
  }
  checkPlaces([['the target', target], ...[...tablespaces].map(([oid, path]) => [`tablespace ${oid}`, path] as const)]);
}

function checkBackup(backup: SurveyedBackup): void {
  if (backup.parent !== undefined) {
    throw refused(
      `${backup.name} is incremental: it builds on ${backup.parent}`,
      'Restore a full backup, or combine them with pg_combinebackup first.',
    );
  }
  const parts = storedTars(backup).map(({ part }) => part);
  if (!parts.includes('base')) {
    throw refused(
      `${backup.name} has no base.tar`,
      'Only base backups in tar form can be restored. Choose another one.',
    );
  }
  if (new Set(parts).size < parts.length) {
    throw refused(`${backup.name} has a tar twice, plain and compressed`, 'Choose another backup.');
  }
}

function checkPlaces(places: readonly (readonly [string, string])[]): void {
  for (const [what, path] of places) {
    if (isAbsolute(path) && !/[\0\n\r\\]/.test(path) && path.length < longestPath) continue;
    throw refused(
      `${what} cannot be ${JSON.stringify(path)}`,
      'Give an absolute path of less than 900 bytes, without backslashes and line ends.',
    );
  }
  for (const [index, [what, path]] of places.entries()) {
    for (const [otherWhat, other] of places.slice(index + 1)) {
      if (!isWithin(path, other) && !isWithin(other, path)) continue;
      throw refused(
        `${what} (${path}) and ${otherWhat} (${other}) lie in one another`,
        'Choose directories of their own.',
      );
    }
  }
}

/** Of PostgreSQL's MAXPGPATH, 1,024, with room for a tablespace's own files. */
const longestPath = 900;

function isWithin(path: string, other: string): boolean {
  const way = relative(path, other);
  return way === '' || !(way === '..' || way.startsWith('../'));
}
