import type { ConnectSettings } from './connect.ts';
import type { Conninfo } from './conninfo.ts';
import { planLogins, type SessionWish } from './login-attempts.ts';
import { withService } from './service-file.ts';

/** One of the servers that a connection string names. */
export interface NamedServer {
  /** For messages: "db1:5432". */
  readonly name: string;
  /** Leads to this server alone, and takes it whatever it is. */
  readonly conninfo: Conninfo;
}

/** All servers of a connection string, in its order, and which of them it wishes for. Throws `usage` for a string that can't be. */
export async function eachServer(
  conninfo: Conninfo,
  settings: ConnectSettings,
): Promise<{ servers: NamedServer[]; wish: SessionWish }> {
  // Without a database libpq takes the user's name, which need not be one.
  const withDatabase = { dbname: 'postgres', ...conninfo };
  const resolved = await withService(withDatabase, settings);
  const { servers, wish } = planLogins({ ...resolved }, settings);
  return {
    servers: servers.map(([attempt], index) => ({
      name: `${attempt?.serverName}:${attempt?.port}`,
      conninfo: conninfoOf(withDatabase, resolved, index, attempt?.port ?? 5432, attempt?.host ?? ''),
    })),
    wish,
  };
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
