import { execFile } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../base/failure.ts';

/** A pg_basebackup on this machine. */
export interface BaseBackupProgram {
  readonly path: string;
  readonly major: number;
  /** As it says itself: "pg_basebackup (PostgreSQL) 15.14". */
  readonly version: string;
}

const answerWithinMs = 10_000;

/**
 * The pg_basebackup for a server: of its own major version if there is one, else the next newer one, which speaks to older servers.
 * Looks in `binDirectory` alone if that is given, else where Debian and Red Hat have the versions side by side, and in PATH. Throws
 * Failure `backup_failed` when there is none.
 */
export async function findBaseBackup(
  serverMajor: number,
  binDirectory: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<BaseBackupProgram> {
  const directories = binDirectory === undefined ? usualDirectories(environment) : [binDirectory];
  const found: BaseBackupProgram[] = [];
  for (const path of directories.map((directory) => join(directory, 'pg_basebackup')).filter(isProgram)) {
    const program = await askVersion(path, environment);
    if (program !== undefined) found.push(program);
  }
  const program = chooseProgram(found, serverMajor);
  if (program !== undefined) return program;
  const has = found.length === 0 ? 'none' : found.map(({ major }) => major).join(', ');
  throw new Failure(
    'backup_failed',
    `there is no pg_basebackup of version ${serverMajor} or newer here (found: ${has})`,
    {
      hint: `Install postgresql-client-${serverMajor}, or say where it is with --bindir.`,
    },
  );
}

/** Of the server's major version, else of the next newer one; among equals the first. Pure. */
export function chooseProgram(found: readonly BaseBackupProgram[], serverMajor: number): BaseBackupProgram | undefined {
  return found.filter(({ major }) => major >= serverMajor).toSorted((a, b) => a.major - b.major)[0];
}

/** The major version in what `--version` prints, also of a beta; undefined for something else. Pure. */
export function parseBaseBackupVersion(output: string): number | undefined {
  const major = /^pg_basebackup \(PostgreSQL\) (\d+)/.exec(output)?.[1];
  return major === undefined ? undefined : Number(major);
}

function usualDirectories({ PATH = '/usr/bin:/bin' }: Readonly<Record<string, string | undefined>>): string[] {
  const debian = subdirectories('/usr/lib/postgresql').map((version) => `/usr/lib/postgresql/${version}/bin`);
  const redHat = subdirectories('/usr')
    .filter((name) => name.startsWith('pgsql-'))
    .map((name) => `/usr/${name}/bin`);
  return [...debian, ...redHat, ...PATH.split(':').filter((part) => part.startsWith('/'))];
}

function subdirectories(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    // Other systems have other places.
    return [];
  }
}

function isProgram(path: string): boolean {
  try {
    const stats = statSync(path);
    return stats.isFile() && (stats.mode & 0o111) !== 0;
  } catch {
    return false;
  }
}

function askVersion(
  path: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<BaseBackupProgram | undefined> {
  const env = { PATH: environment['PATH'] ?? '/usr/bin:/bin' };
  return new Promise((resolve) => {
    execFile(path, ['--version'], { timeout: answerWithinMs, env }, (error, stdout) => {
      const version = stdout.trim();
      const major = error ? undefined : parseBaseBackupVersion(version);
      resolve(major === undefined ? undefined : { path, major, version });
    });
  });
}
