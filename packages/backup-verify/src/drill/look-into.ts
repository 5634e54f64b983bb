import { join } from 'node:path';
import type { DrillEvidence } from '@archive2/core/restore/drill/drill-report.ts';
import { quoteForShell } from '@archive2/core/restore/server/restore-command.ts';
import type { Scratch } from '../scratch/scratch.ts';
import type { PreparedServer } from './restore.ts';

/** What a person types to look into a drill that failed: the server again, where there is one, and psql. */
export function evidenceOf(scratch: Scratch, prepared: PreparedServer | undefined, database: string): DrillEvidence {
  const { directory, logFile, dataDirectory } = scratch;
  if (prepared === undefined) return { directory, log: logFile, commands: [] };
  const { programs, configFile, door } = prepared;
  const pgCtl = join(programs, 'pg_ctl');
  const words = (...argv: string[]) => argv.map(quoteForShell).join(' ');
  return {
    directory,
    log: logFile,
    commands: [
      words(pgCtl, 'start', '-D', dataDirectory, '-l', logFile, '-o', `-c config_file=${configFile}`),
      words(join(programs, 'psql'), '-h', door.socketDirectory, '-U', door.user, '-d', database),
      words(pgCtl, 'stop', '-D', dataDirectory),
    ],
  };
}
