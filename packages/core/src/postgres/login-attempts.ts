import { Failure } from '../base/failure.ts';
import type { Conninfo } from './conninfo.ts';

/** One way to log in to one server. */
export interface LoginAttempt {
  /** A name, an address, or a socket directory, which begins with a slash. */
  host: string;
  /** What it is called where it is not connected to by name (`hostaddr`): in `.pgpass` and in its certificate. */
  serverName: string;
  port: number;
  user: string;
  database: string;
  applicationName: string;
  /** For the backend, as in "-c statement_timeout=5s". */
  options: string | undefined;
  connectTimeoutMs: number;
  tls: TlsUse;
}

/** `encrypt`: whoever answers; `verify-ca`: by an authority that we trust; `verify-full`: also of the server's name. */
type TlsUse = 'off' | 'encrypt' | 'verify-ca' | 'verify-full';

/** Which of the servers that answer will do; `prefer-standby`: any, if there is no standby. */
const sessionWishes = ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'] as const;
export type SessionWish = (typeof sessionWishes)[number];

export interface LoginPlan {
  /** In the order in which to try them, by server. */
  servers: ReadonlyArray<readonly LoginAttempt[]>;
  wish: SessionWish;
}

/** For what a connection string leaves open. */
export interface LoginDefaults {
  environment: Readonly<Record<string, string | undefined>>;
  userName: string;
  applicationName: string;
  connectTimeoutMs: number;
  /** With one server that is all that counts for it, too. */
  wish: SessionWish;
}

const defaultSocketDirectory = '/var/run/postgresql';

const tlsBySslmode: Readonly<Record<string, readonly TlsUse[]>> = {
  disable: ['off'],
  allow: ['off', 'encrypt'],
  prefer: ['encrypt', 'off'],
  require: ['encrypt'],
  'verify-ca': ['verify-ca'],
  'verify-full': ['verify-full'],
};

/**
 * The logins that a connection string stands for, as libpq would try them: keywords first, then PGHOST and the like, then defaults.
 * `service` must have been filled in before. Pure. Throws `usage` for values that can't be.
 */
export function planLogins(conninfo: Conninfo, defaults: LoginDefaults): LoginPlan {
  const { environment } = defaults;
  const setting = (keyword: string, variable: string) => conninfo[keyword] || environment[variable] || undefined;
  const names = listOf(setting('host', 'PGHOST') ?? '');
  const hosts = conninfo['hostaddr'] === undefined ? names : listOf(conninfo['hostaddr']);
  const ports = listOf(setting('port', 'PGPORT') ?? '5432');
  if (ports.length !== 1 && ports.length !== hosts.length) {
    throw wrong(`${hosts.length} hosts and ${ports.length} ports: give one port for all, or one for each`);
  }
  const user = setting('user', 'PGUSER') ?? defaults.userName;
  const sslmode = setting('sslmode', 'PGSSLMODE') ?? 'prefer';
  const uses = tlsBySslmode[sslmode] ?? fail(`sslmode ${JSON.stringify(sslmode)} is not known`);
  const wishText = setting('target_session_attrs', 'PGTARGETSESSIONATTRS');
  const wish =
    wishText === undefined
      ? defaults.wish
      : (sessionWishes.find((known) => known === wishText) ??
        fail(`target_session_attrs ${JSON.stringify(wishText)} is not known`));
  const timeout = setting('connect_timeout', 'PGCONNECT_TIMEOUT');
  const common = {
    user,
    database: setting('dbname', 'PGDATABASE') ?? user,
    applicationName: setting('application_name', 'PGAPPNAME') ?? defaults.applicationName,
    options: setting('options', 'PGOPTIONS'),
    connectTimeoutMs:
      timeout === undefined ? defaults.connectTimeoutMs : wholeNumber('connect_timeout', timeout, 1, 3600) * 1000,
  };
  const servers = hosts.map((host, index) => {
    const port = wholeNumber('port', (ports.length === 1 ? ports[0] : ports[index]) || '5432', 1, 65535);
    const isSocket = host === '' || host.startsWith('/');
    // libpq has the same name for a socket in the default directory.
    const serverName = host === '' || host === defaultSocketDirectory ? 'localhost' : names[index] || host;
    const place = { ...common, host: host || defaultSocketDirectory, serverName, port };
    // No TLS over a socket of this machine, whatever is asked for.
    return (isSocket ? (['off'] as const) : uses).map((tls) => ({ ...place, tls }));
  });
  return { servers, wish };
}

/** Whether the next login to the same server may succeed where this one was refused. */
export function mayRetryOtherwise(error: { code?: unknown; message: string }): boolean {
  // 28000 is "no pg_hba.conf entry for … SSL off"; the driver has no code for a server without TLS.
  return error.code === '28000' || error.message.includes('does not support SSL');
}

function listOf(text: string): string[] {
  return text.split(',').map((part) => part.trim());
}

function wholeNumber(keyword: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw wrong(`${keyword} ${JSON.stringify(text.slice(0, 40))} is not a whole number from ${min} to ${max}`);
}

function fail(problem: string): never {
  throw wrong(problem);
}

function wrong(problem: string): Failure {
  return new Failure('usage', `connection string: ${problem}`, { hint: 'The keywords and values are those of libpq.' });
}
