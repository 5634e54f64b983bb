import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { systemErrorCode } from '../base/failure.ts';
import { type Connection, openConnection } from './connection.ts';
import type { Conninfo } from './conninfo.ts';
import {
  type LoginAttempt,
  type LoginDefaults,
  mayRetryOtherwise,
  planLogins,
  type SessionWish,
} from './login-attempts.ts';
import { readPassword } from './password-file.ts';
import { withService } from './service-file.ts';

export interface ConnectSettings extends LoginDefaults {
  homeDirectory: string;
  /** Of each query, by the client's clock; 0: none. */
  queryTimeoutMs: number;
}

/**
 * Connects as libpq would: `service`, several hosts in their order with `target_session_attrs`, TLS by `sslmode`, passwords from
 * `.pgpass`, certificates from `~/.postgresql`. Throws `usage` for a string that can't be, else the error of the last server tried.
 */
export async function connect(conninfo: Conninfo, settings: ConnectSettings): Promise<Connection> {
  const resolved = await withService(conninfo, settings);
  const { servers, wish } = planLogins(resolved, settings);
  const wishes: SessionWish[] = wish === 'prefer-standby' ? ['standby', 'any'] : [wish];
  let lastError: unknown;
  for (const current of wishes) {
    for (const attempts of servers) {
      try {
        return await connectToServer(attempts, current, resolved, settings);
      } catch (error) {
        lastError = error;
      }
    }
  }
  throw lastError;
}

async function connectToServer(
  attempts: readonly LoginAttempt[],
  wish: SessionWish,
  conninfo: Conninfo,
  settings: ConnectSettings,
): Promise<Connection> {
  let lastError: unknown;
  for (const attempt of attempts) {
    try {
      const connection = await logIn(attempt, conninfo, settings);
      await checkWish(connection, wish, attempt);
      return connection;
    } catch (error) {
      lastError = error;
      if (!(error instanceof Error) || !mayRetryOtherwise(error)) break;
    }
  }
  throw lastError;
}

async function logIn(attempt: LoginAttempt, conninfo: Conninfo, settings: ConnectSettings): Promise<Connection> {
  const { environment, homeDirectory, queryTimeoutMs } = settings;
  const { host, serverName, port, user, database, options } = attempt;
  const passwordFile = conninfo['passfile'] ?? environment['PGPASSFILE'] ?? join(homeDirectory, '.pgpass');
  const question = { host: serverName, port, database, user };
  return await openConnection({
    host,
    port,
    user,
    database,
    application_name: attempt.applicationName,
    connectionTimeoutMillis: attempt.connectTimeoutMs,
    keepAlive: true,
    ssl: attempt.tls === 'off' ? false : await tlsOptions(attempt, conninfo, settings),
    // A function: asked for only when the server wants one; the driver's own look-up goes by HOME, and is deprecated.
    password: async () =>
      environment['PGPASSWORD'] ??
      (await readPassword(passwordFile, question)) ??
      refuseEmptyPassword(passwordFile, user),
    ...(queryTimeoutMs > 0 ? { query_timeout: queryTimeoutMs } : {}),
    ...(options === undefined ? {} : { options }),
  });
}

/** Throws as the server would: with invalid_password. */
function refuseEmptyPassword(passwordFile: string, user: string): never {
  const problem = `the server wants a password of ${user}, and ${passwordFile} has none for this login`;
  throw Object.assign(new Error(problem), { code: '28P01' });
}

async function tlsOptions(
  { tls, serverName }: LoginAttempt,
  conninfo: Conninfo,
  { environment, homeDirectory }: ConnectSettings,
): Promise<ConnectionOptions> {
  const place = (keyword: string, variable: string, name: string) =>
    conninfo[keyword] || environment[variable] || join(homeDirectory, '.postgresql', name);
  const rootPath = place('sslrootcert', 'PGSSLROOTCERT', 'root.crt');
  const ca = rootPath === 'system' ? undefined : await readIfThere(rootPath);
  if (ca === undefined && rootPath !== 'system' && tls.startsWith('verify')) {
    throw new Error(`sslmode ${tls} needs the authority's certificate, and ${rootPath} is not there`);
  }
  const cert = await readIfThere(place('sslcert', 'PGSSLCERT', 'postgresql.crt'));
  const key = cert === undefined ? undefined : await readIfThere(place('sslkey', 'PGSSLKEY', 'postgresql.key'));
  // As libpq: with an authority at hand, `require` verifies by it.
  const verifies = tls !== 'encrypt' || (ca !== undefined && conninfo['sslmode'] === 'require');
  return {
    rejectUnauthorized: verifies,
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
    ...(tls === 'verify-full' || rootPath === 'system' ? {} : { checkServerIdentity: () => undefined }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function checkWish(connection: Connection, wish: SessionWish, { host, port }: LoginAttempt): Promise<void> {
  if (wish === 'any' || wish === 'prefer-standby') return;
  try {
    const sql = `SELECT pg_catalog.pg_is_in_recovery() AS standby, current_setting('transaction_read_only') = 'on' AS readonly`;
    const { rows } = await connection.query<{ standby: boolean; readonly: boolean }>(sql);
    const [row = { standby: false, readonly: false }] = rows;
    const fits = {
      'read-write': !row.readonly,
      'read-only': row.readonly,
      primary: !row.standby,
      standby: row.standby,
    }[wish];
    if (!fits) throw new Error(`the server at ${host}:${port} is not ${wish}`);
  } catch (error) {
    await connection.end();
    throw error;
  }
}
