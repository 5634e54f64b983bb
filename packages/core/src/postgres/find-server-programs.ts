import { dirname } from 'node:path';
import { Failure } from '../base/failure.ts';
import { searchInstalledPrograms } from './installed-programs.ts';

/**
 * The directory with `postgres` and all that comes with it, of exactly this major version: another one cannot run the data directory.
 * Throws Failure `restore_refused` when there is none.
 */
export async function findServerPrograms(
  major: number,
  binDirectory: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const found = await searchInstalledPrograms('postgres', binDirectory, environment).upTo(major);
  const fitting = found.find((program) => program.major === major);
  if (fitting !== undefined) return dirname(fitting.path);
  const has = found.length === 0 ? 'none' : [...new Set(found.map((program) => program.major))].join(', ');
  throw new Failure('restore_refused', `there is no PostgreSQL server of version ${major} here (found: ${has})`, {
    hint: `Install postgresql-${major}, or say where its programs are with --bindir.`,
  });
}
