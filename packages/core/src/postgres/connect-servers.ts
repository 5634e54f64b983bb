import { type Candidate, chooseServer } from './choose-server.ts';
import { type ConnectSettings, connect } from './connect.ts';
import type { Connection } from './connection.ts';
import type { Conninfo } from './conninfo.ts';
import { planLogins, type SessionWish } from './login-attempts.ts';
import { readServerFacts, type ServerFacts } from './server-facts.ts';
import { withService } from './service-file.ts';

/** A server that a backup is taken from, with a connection to it and, if it is a standby, one to its primary where that answers. */
export interface BackupServer {
  name: string;
  facts: ServerFacts;
  /** Leads to this server alone. */
  conninfo: Conninfo;
  connection: Connection;
  primary: Connection | undefined;
  close(): Promise<void>;
}

interface Server {
  conninfo: Conninfo;
  connection: Connection | undefined;
}

/** Asks all servers of a connection string what they are, and chooses one; see chooseServer for how and for what is thrown. */
export async function connectBackupServer(
  conninfo: Conninfo,
  settings: ConnectSettings,
  maxLagBytes: number,
): Promise<BackupServer> {
  // Without a database libpq takes the user's name, which need not be one.
  const withDatabase = { dbname: 'postgres', ...conninfo };
  const resolved = await withService(withDatabase, settings);
  const { servers, wish } = planLogins({ ...resolved }, settings);
  const candidates = await Promise.all(
    servers.map(async ([attempt], index) => {
      const own = conninfoOf(withDatabase, resolved, index, attempt?.port ?? 5432, attempt?.host ?? '');
      return await ask(own, `${attempt?.serverName}:${attempt?.port}`, settings);
    }),
  );
  const close = async (keep: readonly unknown[]): Promise<void> => {
    const others = candidates.flatMap(({ server }) => server.connection ?? []).filter((it) => !keep.includes(it));
    await Promise.all(others.map((connection) => connection.end().catch(() => undefined)));
  };
  try {
    const { server, name, facts } = chooseServer(candidates, wish as SessionWish, maxLagBytes);
    const primary = candidates.find((candidate) => candidate.facts?.isStandby === false)?.server.connection;
    const { connection } = server;
    if (connection === undefined) throw new Error(`${name} answered without a connection`);
    await close([connection, primary]);
    return { name, facts, conninfo: server.conninfo, connection, primary, close: () => close([]) };
  } catch (error) {
    await close([]);
    throw error;
  }
}

/** The connection string for one of its servers: what the service file says stays there, as there may be a secret in it. */
function conninfoOf(own: Conninfo, resolved: Conninfo, index: number, port: number, host: string): Conninfo {
  const addresses = resolved['hostaddr']?.split(',');
  const names = resolved['host']?.split(',');
  const { target_session_attrs: _wish, load_balance_hosts: _balance, ...kept } = own;
  return {
    ...kept,
    host: names?.[index]?.trim() || host,
    ...(addresses === undefined ? {} : { hostaddr: addresses[index]?.trim() ?? '' }),
    port: String(port),
    target_session_attrs: 'any',
  };
}

async function ask(conninfo: Conninfo, name: string, settings: ConnectSettings): Promise<Candidate<Server>> {
  let connection: Connection | undefined;
  try {
    connection = await connect(conninfo, settings);
    return { server: { conninfo, connection }, name, facts: await readServerFacts(connection), problem: undefined };
  } catch (error) {
    await connection?.end().catch(() => undefined);
    const problem = error instanceof Error ? error.message : String(error);
    return { server: { conninfo, connection: undefined }, name, facts: undefined, problem };
  }
}
