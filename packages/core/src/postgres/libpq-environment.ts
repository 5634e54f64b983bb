import { childEnvironment } from '../base/child-environment.ts';

/** Where libpq finds files and how it connects. PGPASSWORD is not among them: a secret stays out of environments. */
const allowed = new Set(
  `PGAPPNAME PGCHANNELBINDING PGCLIENTENCODING PGCONNECT_TIMEOUT PGGSSENCMODE PGGSSLIB PGHOST PGHOSTADDR PGKRBSRVNAME PGOPTIONS
  PGPASSFILE PGPORT PGREQUIREAUTH PGREQUIREPEER PGREQUIRESSL PGSERVICE PGSERVICEFILE PGSSLCERT PGSSLCERTMODE PGSSLCRL
  PGSSLCRLDIR PGSSLKEY PGSSLMAXPROTOCOLVERSION PGSSLMINPROTOCOLVERSION PGSSLMODE PGSSLNEGOTIATION PGSSLROOTCERT PGSSLSNI
  PGSYSCONFDIR PGUSER`.split(/\s+/),
);

/** The environment of PostgreSQL's own programs when we start them: messages in English, because we read some. */
export function libpqEnvironment(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const { LANG: _lang, LC_ALL: _all, LC_CTYPE: _ctype, ...kept } = childEnvironment(environment);
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && allowed.has(name)) kept[name] = value;
  }
  return { ...kept, LC_ALL: 'C' };
}
