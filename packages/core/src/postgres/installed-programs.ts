import { execFile } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A program of PostgreSQL's on this machine. */
export interface InstalledProgram {
  readonly path: string;
  readonly major: number;
  /** As it says itself: "pg_basebackup (PostgreSQL) 15.14". */
  readonly version: string;
}

const answerWithinMs = 10_000;

/** A search that is under way. */
export interface ProgramSearch {
  /** What was found up to the first place that has one of this major version; without one, all there are. */
  upTo: (wantedMajor: number) => Promise<InstalledProgram[]>;
}

/**
 * Looks for all programs of that name: in `binDirectory` alone if that is given, else where Debian and Red Hat have the versions side
 * by side, all at once, and then in PATH, where Debian has a script that takes longer than the program.
 */
export function searchInstalledPrograms(
  name: string,
  binDirectory: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): ProgramSearch {
  const ask = async (directories: readonly string[]): Promise<InstalledProgram[]> => {
    const paths = directories.map((directory) => join(directory, name)).filter(isProgram);
    const answers = await Promise.all(paths.map((path) => askVersion(name, path, environment)));
    return answers.filter((program) => program !== undefined);
  };
  const first = ask(binDirectory === undefined ? sideBySide() : [binDirectory]);
  return {
    upTo: async (wantedMajor) => {
      const found = await first;
      if (binDirectory !== undefined || found.some(({ major }) => major === wantedMajor)) return found;
      return [...found, ...(await ask(inPath(environment)))];
    },
  };
}

/** The major version in what `--version` prints, also of a beta; undefined for something else. Pure. */
export function parseProgramVersion(name: string, output: string): number | undefined {
  const [, printed, major] = /^(\S+) \(PostgreSQL\) (\d+)/.exec(output) ?? [];
  return printed === name ? Number(major) : undefined;
}

function sideBySide(): string[] {
  const debian = subdirectories('/usr/lib/postgresql').map((version) => `/usr/lib/postgresql/${version}/bin`);
  const redHat = subdirectories('/usr')
    .filter((name) => name.startsWith('pgsql-'))
    .map((name) => `/usr/${name}/bin`);
  return [...debian, ...redHat];
}

function inPath({ PATH = '/usr/bin:/bin' }: Readonly<Record<string, string | undefined>>): string[] {
  return PATH.split(':').filter((part) => part.startsWith('/'));
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
  name: string,
  path: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<InstalledProgram | undefined> {
  const env = { PATH: environment['PATH'] ?? '/usr/bin:/bin' };
  return new Promise((resolve) => {
    execFile(path, ['--version'], { timeout: answerWithinMs, env }, (error, stdout) => {
      const version = stdout.trim();
      const major = error ? undefined : parseProgramVersion(name, version);
      resolve(major === undefined ? undefined : { path, major, version });
    });
  });
}
