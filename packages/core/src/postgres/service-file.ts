import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, systemErrorCode } from '../base/failure.ts';
import type { Conninfo } from './conninfo.ts';

/** Where Debian's and PostgreSQL's own packages look for the files of all users. */
const systemDirectories = ['/etc/postgresql-common', '/etc'];

interface Place {
  environment: Readonly<Record<string, string | undefined>>;
  homeDirectory: string;
}

/**
 * Fills in what `service=NAME`, or PGSERVICE, says in ~/.pg_service.conf or the system's pg_service.conf; what the string itself
 * says stays. Throws `usage` when the service is nowhere.
 */
export async function withService(conninfo: Conninfo, place: Place): Promise<Conninfo> {
  const { service: name = place.environment['PGSERVICE'], servicefile, ...own } = conninfo;
  if (name === undefined || name === '') return own;
  const personal = servicefile ?? place.environment['PGSERVICEFILE'] ?? join(place.homeDirectory, '.pg_service.conf');
  const directories = place.environment['PGSYSCONFDIR'];
  const paths = [personal, ...(directories === undefined ? systemDirectories : [directories]).map(inDirectory)];
  for (const path of paths) {
    const settings = findService(await readIfThere(path), name);
    if (settings !== undefined) return { ...settings, ...own };
  }
  throw new Failure('usage', `the connection service ${JSON.stringify(name)} is in no service file`, {
    hint: `Looked for a section [${name}] in ${paths.join(', ')}.`,
  });
}

function inDirectory(directory: string): string {
  return join(directory, 'pg_service.conf');
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') return '';
    throw new Failure('usage', `${path} cannot be read`, { cause });
  }
}

/** The settings below `[name]`; undefined when there is no such section. Pure. */
export function findService(text: string, name: string): Conninfo | undefined {
  let settings: Record<string, string> | undefined;
  for (const line of text.split('\n').map((line) => line.trim())) {
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('[')) {
      // As libpq: the first section of the name counts.
      if (settings !== undefined) return settings;
      if (line === `[${name}]`) settings = {};
      continue;
    }
    const equals = line.indexOf('=');
    if (settings !== undefined && equals > 0) settings[line.slice(0, equals).trim()] = line.slice(equals + 1).trim();
  }
  return settings;
}
