import type { ClusterRecord } from '@archive2/core/archive/identity.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { readLocalIdentity } from '@archive2/core/hosts/local-identity.ts';
import { type BackupServer, connectBackupServer } from '@archive2/core/postgres/connect-servers.ts';
import type { BackupJob } from '../backup-job.ts';
import type { BackupWorld } from '../backup-world.ts';

const queryTimeoutMs = 60_000;

/** Connects to the server that the backup is taken from. Throws Failure `server_unavailable`, `wrong_cluster`, `usage`. */
export async function openServer(
  { conninfo }: BackupJob,
  { settings, environment }: BackupWorld,
  { systemIdentifier, cluster }: ClusterRecord,
): Promise<BackupServer> {
  const { userName, homeDirectory } = await readLocalIdentity();
  const login = {
    environment,
    userName,
    homeDirectory,
    applicationName: 'base-backup',
    connectTimeoutMs: settings.connectTimeoutMs,
    queryTimeoutMs,
    wish: 'prefer-standby' as const,
  };
  const server = await connectBackupServer(conninfo, login, settings.maxLagBytes);
  if (server.facts.systemIdentifier === systemIdentifier) return server;
  await server.close();
  throw new Failure(
    'wrong_cluster',
    `${server.name} is of the cluster ${server.facts.systemIdentifier}, the archive ${cluster} of ${systemIdentifier}`,
    { hint: 'Compare the connection string and the directory. A new cluster needs a directory of its own.' },
  );
}
