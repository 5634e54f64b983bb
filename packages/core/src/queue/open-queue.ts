import { systemClock } from '../base/clock.ts';
import type { ConnectSettings } from '../postgres/connect.ts';
import type { Conninfo } from '../postgres/conninfo.ts';
import type { BackupQueue } from './backup-queue.ts';
import { type ImportedCluster, importOldQueue } from './import-old-queue.ts';
import type { OldQueueDefaults } from './old-queue.ts';
import { defaultPatience, type Patience, PostgresConnection } from './postgres-connection.ts';
import { PostgresQueue } from './postgres-queue.ts';
import { migratePostgres, postgresScript } from './postgres-schema.ts';
import type { QueueLocation } from './queue-location.ts';
import { SqliteQueue } from './sqlite-queue.ts';

/** What the account and its environment say about logins; see ConnectSettings. */
export type QueueLogin = Omit<ConnectSettings, 'queryTimeoutMs' | 'wish'>;

/** Opens the queue. Throws `queue_version` when there is none, or another one, and what every call throws. */
export async function openQueue(
  location: QueueLocation,
  login: QueueLogin,
  patience: Patience = defaultPatience,
): Promise<BackupQueue> {
  if (location.kind === 'sqlite') return await SqliteQueue.open(location.path, { lockTimeoutMs: patience.callMs });
  return await PostgresQueue.open({ conninfo: location.conninfo, settings: login, patience });
}

/** Makes the queue, or brings it up to this program's schema; returns the names of the steps taken. Idempotent. */
export async function initQueue(
  location: QueueLocation,
  login: QueueLogin,
  patience: Patience = defaultPatience,
): Promise<string[]> {
  if (location.kind === 'sqlite') return await SqliteQueue.init(location.path, { lockTimeoutMs: patience.callMs });
  return await withConnection(location.conninfo, login, patience, migratePostgres);
}

/** See `importOldQueue`. */
export async function importQueue(
  { conninfo }: QueueLocation & { kind: 'postgres' },
  login: QueueLogin,
  defaults: OldQueueDefaults,
  options: { dryRun: boolean },
): Promise<ImportedCluster[]> {
  return await withConnection(conninfo, login, defaultPatience, async (connection) => {
    return await importOldQueue(connection, defaults, options);
  });
}

/** The SQL of all that `initQueue` would do. Changes nothing. */
export async function queueScript(
  location: QueueLocation,
  login: QueueLogin,
  patience: Patience = defaultPatience,
): Promise<string> {
  if (location.kind === 'sqlite') return await SqliteQueue.script(location.path);
  return await withConnection(location.conninfo, login, patience, postgresScript);
}

async function withConnection<T>(
  conninfo: Conninfo,
  login: QueueLogin,
  patience: Patience,
  work: (connection: PostgresConnection) => Promise<T>,
): Promise<T> {
  const connection = new PostgresConnection({ conninfo, settings: login, clock: systemClock, patience });
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}
