import type { Socket } from 'node:net';
import type { Client, ClientConfig } from 'pg';

/** How long a server may take to close a connection that we have ended. */
const goodbyeMs = 2000;

/** A connection that stays open until `end()`. Losing it while nothing is asked is told by the next query. */
export type Connection = Pick<Client, 'query' | 'end' | 'on'>;

/** Of the driver, which is loaded with the first connection: few programs make one. */
async function newClient(config: ClientConfig): Promise<Client> {
  const { default: pg } = await import('pg');
  return new pg.Client(config);
}

/** Opens one connection. Throws the driver's error. */
export async function openConnection(config: ClientConfig): Promise<Connection> {
  const client = await newClient(config);
  // Without a listener a lost connection would end the process.
  client.on('error', () => undefined);
  await client.connect();
  endInTime(client);
  return client;
}

/** Makes the end of a connection take a moment at most: behind a cut cable TCP would wait for the server's answer for a quarter of an hour. */
function endInTime(client: Client): void {
  const end = client.end.bind(client) as () => Promise<void>;
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  const inTime = async () => {
    const late = setTimeout(() => stream.destroy(), goodbyeMs);
    try {
      await end();
    } finally {
      clearTimeout(late);
    }
  };
  client.end = inTime as Client['end'];
}

/** How to reach a server: a connection URI, or its parts; a host that begins with a slash is a socket directory. */
export type PostgresServer =
  | { connectionString: string }
  | { host: string; port: number; user: string; database: string };

/**
 * Runs one query over a connection of its own and returns its rows by column name. Throws the driver's error when the server
 * cannot be reached within `timeoutMs` or refuses the query.
 */
export async function queryOnce(
  server: PostgresServer,
  sql: string,
  timeoutMs: number,
): Promise<Record<string, unknown>[]> {
  const client = await newClient({
    ...server,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    application_name: 'archive2',
  });
  // An error after the answer is nobody's business; without a listener it would be uncaught.
  client.on('error', () => undefined);
  await client.connect();
  endInTime(client);
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return rows;
  } finally {
    await client.end();
  }
}

/** The server that libpq's environment variables name; by default the local one, over Debian's socket directory. */
export function serverOfEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  userName: string,
): PostgresServer {
  return {
    host: environment['PGHOST'] ?? '/var/run/postgresql',
    port: Number(environment['PGPORT'] ?? 5432),
    user: environment['PGUSER'] ?? userName,
    database: environment['PGDATABASE'] ?? 'postgres',
  };
}
