import { queryOnce } from '../../postgres/connection.ts';
import { type Lsn, tryParseLsn } from '../../wal/lsn.ts';

/** How to reach a server that we started: by its socket directory. */
export interface ServerDoor {
  readonly socketDirectory: string;
  readonly port: number;
  /** A superuser. */
  readonly user: string;
}

export interface ReplayAnswer {
  readonly isInRecovery: boolean;
  readonly isPaused: boolean;
  readonly replayedLsn: Lsn | undefined;
  readonly replayedMs: number | undefined;
}

const answerWithinMs = 5_000;

/** Asks a server how far it is; undefined while it lets nobody in. */
export async function askReplay({ socketDirectory, port, user }: ServerDoor): Promise<ReplayAnswer | undefined> {
  const sql = `SELECT recovering, CASE WHEN recovering THEN pg_is_wal_replay_paused() ELSE false END AS paused,
    pg_last_wal_replay_lsn()::text AS lsn, extract(epoch FROM pg_last_xact_replay_timestamp())::float8 AS at
    FROM pg_is_in_recovery() AS recovering`;
  const server = { host: socketDirectory, port, user, database: 'postgres' };
  let rows: Record<string, unknown>[];
  try {
    rows = await queryOnce(server, sql, answerWithinMs);
  } catch {
    // It is starting, ending, or at its limit of connections; the log tells what is wrong, if something is.
    return undefined;
  }
  const [row] = rows;
  if (row === undefined) return undefined;
  const at = row['at'];
  return {
    isInRecovery: row['recovering'] === true,
    isPaused: row['paused'] === true,
    replayedLsn: tryParseLsn(String(row['lsn'])),
    replayedMs: typeof at === 'number' ? Math.round(at * 1000) : undefined,
  };
}
