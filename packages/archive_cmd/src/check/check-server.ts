import { toFailure } from '@archive2/core/base/failure.ts';
import { type Finding, note, ok, problem } from '@archive2/core/cli/check-report.ts';
import { optionalText } from '@archive2/core/cli/option-values.ts';
import { readLocalIdentity } from '@archive2/core/hosts/local-identity.ts';
import { queryOnce, serverOfEnvironment } from '@archive2/core/postgres/connection.ts';

/** The settings of a server that decide whether it archives, as SHOW prints them; undefined where the version has none. */
export interface ServerSettings {
  archiveMode: string;
  archiveCommand: string;
  archiveLibrary: string | undefined;
  walLevel: string;
  systemIdentifier: string;
}

const timeoutMs = 3000;
const settingsQuery = `
  SELECT current_setting('archive_mode') AS "archiveMode",
         current_setting('archive_command') AS "archiveCommand",
         current_setting('archive_library', true) AS "archiveLibrary",
         current_setting('wal_level') AS "walLevel",
         (SELECT system_identifier::text FROM pg_control_system()) AS "systemIdentifier"`;

/** Looks at the server's own settings. A server that cannot be asked is a note: archiving may be set up before it runs. */
export async function checkServer(
  options: Record<string, unknown>,
  environment: Readonly<Record<string, string | undefined>>,
  archiveIdentifiers: readonly (string | undefined)[],
): Promise<Finding[]> {
  try {
    const connectionString = optionalText(options, 'dbname');
    const { userName } = await readLocalIdentity();
    const server = connectionString === undefined ? serverOfEnvironment(environment, userName) : { connectionString };
    const [row] = await queryOnce(server, settingsQuery, timeoutMs);
    return judgeServer(row as unknown as ServerSettings, archiveIdentifiers);
  } catch (error) {
    const advice = 'Run it as the user of the server with PGHOST and PGPORT set, or give --dbname postgresql://….';
    return [note(`PostgreSQL was not asked for its settings: ${toFailure(error).message}`, advice)];
  }
}

/** What the settings mean for archiving. Pure. */
export function judgeServer(server: ServerSettings, archiveIdentifiers: readonly (string | undefined)[]): Finding[] {
  const findings: Finding[] = [];
  if (server.archiveMode === 'off') {
    findings.push(problem('archive_mode is off: nothing is archived', 'Set archive_mode = on and restart PostgreSQL.'));
  } else {
    findings.push(ok(`archive_mode is ${server.archiveMode}`));
  }
  if (server.archiveLibrary) {
    const advice = 'Set archive_library to an empty string: PostgreSQL uses one or the other.';
    findings.push(problem(`archive_library is ${server.archiveLibrary}, so archive_command is not used`, advice));
  }
  if (server.walLevel === 'minimal') {
    findings.push(problem('wal_level is minimal: its WAL restores nothing', 'Set wal_level = replica and restart.'));
  } else {
    findings.push(ok(`wal_level is ${server.walLevel}`));
  }
  findings.push(judgeCommand(server.archiveCommand));
  const other = archiveIdentifiers.find((id) => id !== undefined && id !== server.systemIdentifier);
  if (other !== undefined) {
    const advice = 'Give this cluster a directory of its own on both archive hosts.';
    findings.push(problem(`the server is cluster ${server.systemIdentifier}, the archive holds ${other}`, advice));
  }
  return findings;
}

function judgeCommand(command: string): Finding {
  if (command === '' || command === '(disabled)') {
    return note('archive_command is empty: PostgreSQL keeps all WAL until it is set');
  }
  if (/\barchive_cmd\b/.test(command)) return ok('archive_command calls archive_cmd');
  return note(`archive_command is ${JSON.stringify(command)}, which does not call archive_cmd`);
}
