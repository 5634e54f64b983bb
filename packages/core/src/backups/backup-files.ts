import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../base/failure.ts';
import type { SurveyedFile } from './host-survey.ts';

/** Kept beside the tars, so that it is known whose the backup is without unpacking one. */
const controlFile = 'global/pg_control';

const plainName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Whether this may be asked for: a name without a directory, or that of pg_control. Nothing else leaves a backup's directory. */
export function isBackupFileName(name: string): boolean {
  return name === controlFile || plainName.test(name);
}

/** More files than the top of any data directory has; of tars there are a few. */
export const maxBackupFiles = 1000;

/** The plain files of a base backup that may be asked for, by name, links left out. At most `maxBackupFiles`. */
export async function listBackupFiles(path: string): Promise<SurveyedFile[]> {
  const names = (await readdir(path)).filter((name) => plainName.test(name)).sort();
  const files: SurveyedFile[] = [];
  for (const name of [...names, controlFile]) {
    const sizeBytes = await plainFileSize(join(path, name));
    if (sizeBytes !== undefined) files.push({ name, sizeBytes });
    if (files.length === maxBackupFiles) break;
  }
  return files;
}

async function plainFileSize(path: string): Promise<number | undefined> {
  try {
    const stats = await lstat(path);
    return stats.isFile() ? stats.size : undefined;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}
