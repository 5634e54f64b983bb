import { type Candidate, chooseServer } from './choose-server.ts';
import { type ConnectSettings, connect } from './connect.ts';
import type { Connection } from './connection.ts';
import type { Conninfo } from './conninfo.ts';
import { eachServer, type NamedServer } from './each-server.ts';
import { readServerFacts, type ServerFacts } from './server-facts.ts';

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
  const { servers, wish } = await eachServer(conninfo, settings);
  const candidates = await Promise.all(servers.map((server) => ask(server, settings)));
  const close = async (keep: readonly unknown[]): Promise<void> => {
    const others = candidates.flatMap(({ server }) => server.connection ?? []).filter((it) => !keep.includes(it));
    await Promise.all(others.map((connection) => connection.end().catch(() => undefined)));
  };
  try {
    const { server, name, facts } = chooseServer(candidates, wish, maxLagBytes);
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

async function ask({ name, conninfo }: NamedServer, settings: ConnectSettings): Promise<Candidate<Server>> {
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
