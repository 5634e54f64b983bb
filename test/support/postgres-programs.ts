import { existsSync, readdirSync } from 'node:fs';
import { REPOSITORY_INSIDE, REPOSITORY_ROOT } from './repository.ts';

const INSTALLATIONS = '/usr/lib/postgresql';

/** Where scripts/postgres-versions.sh unpacks further versions. */
const UNPACKED = 'node_modules/.cache/postgresql';

/** The programs of a version that scripts/postgres-versions.sh has unpacked, as machines see them; undefined without it. */
export function unpackedPostgresPrograms(major: number): string | undefined {
  const bin = `${UNPACKED}/${major}/usr/lib/postgresql/${major}/bin`;
  return existsSync(`${REPOSITORY_ROOT}/${bin}/postgres`) ? `${REPOSITORY_INSIDE}/${bin}` : undefined;
}

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
  const unpacked = major === undefined ? undefined : unpackedPostgresPrograms(major);
  if (found[0] === undefined && unpacked !== undefined) return unpacked;
  if (found[0] === undefined) {
    throw new Error(`no PostgreSQL ${major ?? 'server'} below ${INSTALLATIONS}: run "make setup"`);
  }
  return `${INSTALLATIONS}/${found[0]}/bin`;
}
