import { Failure } from '../base/failure.ts';

/** Connection settings by libpq's keywords. */
export type Conninfo = Readonly<Record<string, string>>;

/** PostgreSQL 18 src/interfaces/libpq/fe-connect.c, PQconninfoOptions. */
const keywords = new Set(
  `service servicefile user password passfile channel_binding connect_timeout dbname host hostaddr port client_encoding options
  application_name fallback_application_name keepalives keepalives_idle keepalives_interval keepalives_count
  tcp_user_timeout sslmode sslnegotiation sslcompression sslcert sslkey sslcertmode sslpassword sslrootcert sslcrl sslcrldir
  sslsni requirepeer require_auth min_protocol_version max_protocol_version ssl_min_protocol_version
  ssl_max_protocol_version gssencmode krbsrvname gsslib gssdelegation replication target_session_attrs load_balance_hosts
  scram_client_key scram_server_key sslkeylogfile oauth_issuer oauth_client_id oauth_client_secret oauth_scope`.split(
    /\s+/,
  ),
);
const secrets = ['password', 'sslpassword', 'scram_client_key', 'scram_server_key', 'oauth_client_secret'];

const uriPattern = /^(?:postgresql|postgres):\/\//;

/**
 * Reads a connection string as libpq does: `keyword=value` words, values with spaces in single quotes, or a URI, also with several
 * hosts. Nothing is looked up or filled in. Throws `usage` for what libpq would refuse, without repeating the text: it may hold a
 * secret.
 */
export function parseConninfo(text: string): Conninfo {
  const found = uriPattern.test(text) ? parseUri(text.replace(uriPattern, '')) : parseWords(text);
  for (const keyword of Object.keys(found)) {
    if (!keywords.has(keyword)) {
      throw wrong(`${JSON.stringify(keyword.slice(0, 40))} is no keyword of a connection string`);
    }
  }
  return found;
}

/** Throws `usage` when there is a secret in it: what is configured here is seen in process lists, in the queue and in its logs. */
export function refuseSecrets(conninfo: Conninfo): void {
  const secret = secrets.find((keyword) => conninfo[keyword] !== undefined);
  if (secret === undefined) return;
  throw new Failure('usage', `a connection string here must not hold a secret (${secret})`, {
    hint: 'Put the password into ~/.pgpass (mode 0600) of the account that connects, or use a certificate or peer in pg_hba.conf.',
  });
}

/** As `keyword=value` words, in the order of the settings. */
export function formatConninfo(conninfo: Conninfo): string {
  return Object.entries(conninfo)
    .map(([keyword, value]) => `${keyword}=${quote(value)}`)
    .join(' ');
}

function quote(value: string): string {
  return /^[^\s'\\]+$/.test(value) ? value : `'${value.replaceAll(/['\\]/g, '\\$&')}'`;
}

function parseWords(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  // A keyword, "=", and a value: quoted, with backslashes before what would end it, or bare up to a space.
  const word = /\s*(?:([^\s=]+)\s*=\s*(?:'((?:[^'\\]|\\[^])*)'(?=\s|$)|((?:(?!')(?:[^\s\\]|\\[^])+)?)(?=\s|$))|$)/y;
  while (word.lastIndex < text.length) {
    const match = word.exec(text);
    if (match === null) throw wrong('a word of the connection string is not keyword=value');
    const [, keyword, quoted, bare = ''] = match;
    if (keyword !== undefined) found[keyword] = (quoted ?? bare).replaceAll(/\\([^])/g, '$1');
  }
  return found;
}

/** What comes after the scheme: `[user[:password]@][host[:port],…][/dbname][?keyword=value&…]`. */
function parseUri(text: string): Record<string, string> {
  const match = /^(?:([^@/?]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/.exec(text);
  if (match === null) throw wrong('the connection URI cannot be read');
  const [, login = '', addresses = '', database = '', query = ''] = match;
  const found: Record<string, string> = {};
  const set = (keyword: string, value: string) => {
    if (value !== '') found[keyword] = decode(value);
  };
  const colon = login.indexOf(':');
  const parts = addresses === '' ? [] : addresses.split(',').map(parseAddress);
  set('host', parts.map(({ host }) => host).join(','));
  if (parts.some(({ port }) => port !== '')) set('port', parts.map(({ port }) => port).join(','));
  set('user', colon < 0 ? login : login.slice(0, colon));
  set('password', colon < 0 ? '' : login.slice(colon + 1));
  set('dbname', database);
  for (const pair of query === '' ? [] : query.split('&')) {
    const equals = pair.indexOf('=');
    if (equals < 1) throw wrong('a parameter of the connection URI is not keyword=value');
    // As libpq does, for the sake of JDBC's URIs.
    if (pair === 'ssl=true') found['sslmode'] = 'require';
    else found[decode(pair.slice(0, equals))] = decode(pair.slice(equals + 1));
  }
  return found;
}

function parseAddress(text: string): { host: string; port: string } {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d*))?$/.exec(text);
  if (match === null) throw wrong('a host of the connection URI is not name:port, or [IPv6 address]:port');
  const [, bracketed, host = '', port = ''] = match;
  return { host: bracketed ?? host, port };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw wrong('a "%" of the connection URI is not followed by two hexadecimal digits', cause);
  }
}

function wrong(problem: string, cause?: unknown): Failure {
  return new Failure('usage', problem, {
    hint: 'Write "host=db1,db2 user=backup dbname=postgres", or postgresql://backup@db1,db2/postgres.',
    ...(cause === undefined ? {} : { cause }),
  });
}
