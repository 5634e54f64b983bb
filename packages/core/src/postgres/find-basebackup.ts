import { Failure } from '../base/failure.ts';
import { type InstalledProgram, type ProgramSearch, searchInstalledPrograms } from './installed-programs.ts';

/** The programs on this machine; which one is wanted the server's version says. */
export function searchBaseBackup(
  binDirectory: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): ProgramSearch {
  return searchInstalledPrograms('pg_basebackup', binDirectory, environment);
}

/**
 * The pg_basebackup for a server: of its own major version if there is one, else the next newer one, which speaks to older servers.
 * Throws Failure `backup_failed` when there is none.
 */
export async function findBaseBackup(search: ProgramSearch, serverMajor: number): Promise<InstalledProgram> {
  const found = await search.upTo(serverMajor);
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
export function chooseProgram(found: readonly InstalledProgram[], serverMajor: number): InstalledProgram | undefined {
  return found.filter(({ major }) => major >= serverMajor).toSorted((a, b) => a.major - b.major)[0];
}
