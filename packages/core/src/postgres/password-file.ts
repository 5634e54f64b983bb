import { readFile, stat } from 'node:fs/promises';
import { Failure, systemErrorCode } from '../base/failure.ts';

export interface PasswordQuestion {
  host: string;
  port: number;
  database: string;
  user: string;
}

/**
 * The password for a login by a `.pgpass` file; undefined when there is none for it, or no file. Throws `usage` for a file that
 * others may read, where libpq only warns: one that is ignored ends as a login that is refused for no visible reason.
 */
export async function readPassword(path: string, question: PasswordQuestion): Promise<string | undefined> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) {
      throw new Failure('usage', `${path} may be read by others, so it is not used`, { hint: `chmod 0600 ${path}` });
    }
    return findPassword(await readFile(path, 'utf8'), question);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** By the lines of a password file, `host:port:database:user:password`; the first that fits counts. Pure. */
export function findPassword(text: string, question: PasswordQuestion): string | undefined {
  const wanted = [question.host, String(question.port), question.database, question.user];
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue;
    const fields = splitLine(line);
    const password = fields.at(wanted.length);
    const isMatch = wanted.every((want, index) => fields[index] === '*' || unescape(fields[index] ?? '') === want);
    if (isMatch && password !== undefined && password !== '') return unescape(password);
  }
  return undefined;
}

/** Five fields; a colon or backslash within one has a backslash before it, a password may also have bare colons. */
function splitLine(line: string): string[] {
  const match = /^((?:[^:\\]|\\.)*):((?:[^:\\]|\\.)*):((?:[^:\\]|\\.)*):((?:[^:\\]|\\.)*):(.*)$/.exec(
    line.replace(/\r$/, ''),
  );
  return match === null ? [] : match.slice(1);
}

function unescape(field: string): string {
  return field.replaceAll(/\\(.)/g, '$1');
}
