import { existsSync, readdirSync } from 'node:fs';

const INSTALLATIONS = '/usr/lib/postgresql';

/**
 * The directory of PostgreSQL's programs: of the newest major version that has a server, or of the one asked for.
 * @throws Error when there is none.
 */
export function findPostgresPrograms(major?: number): string {
  const found = (existsSync(INSTALLATIONS) ? readdirSync(INSTALLATIONS) : [])
    .filter((name) => existsSync(`${INSTALLATIONS}/${name}/bin/postgres`))
    .map(Number)
    .filter((version) => major === undefined || version === major)
    .toSorted((a, b) => b - a);
  if (found[0] === undefined) {
    throw new Error(`no PostgreSQL ${major ?? 'server'} below ${INSTALLATIONS}: run "make setup"`);
  }
  return `${INSTALLATIONS}/${found[0]}/bin`;
}
