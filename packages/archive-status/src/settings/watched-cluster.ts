import { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import { checkClusterName } from '@archive2/core/archive/identity.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { type NamedArchive, parseArchives } from '@archive2/core/cli/archive-options.ts';
import { type Conninfo, parseConninfo, refuseSecrets } from '@archive2/core/postgres/conninfo.ts';
import { parseQueueLocation, type QueueLocation } from '@archive2/core/queue/queue-location.ts';
import { parseThresholds, type Thresholds, thresholdOptions } from './thresholds.ts';

/** One cluster, and where to ask about it. */
export interface WatchedCluster {
  readonly cluster: string;
  /** On its archive hosts. */
  readonly directory: ClusterDirectory;
  /** Preferred first; one or two. */
  readonly archives: readonly NamedArchive[];
  /** The name or path of archive_remote_cmd there. */
  readonly remoteProgram: string;
  /** undefined: none is configured. */
  readonly servers: Conninfo | undefined;
  readonly expectedPrimary: string | undefined;
  readonly patroni: URL | undefined;
  readonly queue: QueueLocation | undefined;
  readonly thresholds: Thresholds;
  /** Rules of the check that are left out, as the file says. */
  readonly skip: readonly string[];
}

/** What a section of the file may say; the command line too, but `skip`, which it has for all clusters. */
export const clusterKeys: readonly string[] = [
  'cluster-dir',
  'hosts',
  'remote-cmd',
  'servers',
  'expected-primary',
  'patroni',
  'queue',
  'skip',
  ...Object.keys(thresholdOptions),
];

/** Checks what flags or a section say. `where` names a setting in messages. Throws Failure `usage`. */
export function readWatchedCluster(
  name: string,
  texts: Readonly<Record<string, string>>,
  where: (key: string) => string,
): WatchedCluster {
  const within = <T>(key: string, read: (text: string) => T): T | undefined => {
    const text = texts[key];
    if (text === undefined) return undefined;
    try {
      return read(text);
    } catch (error) {
      // Never the text itself: a connection string may hold a secret.
      if (error instanceof Failure) throw new Failure('usage', `${where(key)}: ${error.message}`, hintOf(error));
      throw error;
    }
  };
  const directory = within('cluster-dir', (text) => new ClusterDirectory(text));
  const archives = within('hosts', parseArchives);
  if (directory === undefined || archives === undefined || archives.length === 0) {
    const missing = directory === undefined ? 'cluster-dir' : 'hosts';
    throw new Failure('usage', `${where(missing)}: ${missing} is missing for the cluster ${name}`, {
      hint: 'A cluster needs its directory on the archive hosts (/storage/main), and the hosts ("archive@arch1 archive@arch2").',
    });
  }
  return {
    cluster: checkClusterName(name),
    directory,
    archives,
    remoteProgram: texts['remote-cmd'] ?? 'archive_remote_cmd',
    servers: within('servers', parseServers),
    expectedPrimary: texts['expected-primary'],
    patroni: within('patroni', parsePatroni),
    queue: within('queue', parseQueueLocation),
    thresholds: parseThresholds(texts, where),
    skip: within('skip', listOf) ?? [],
  };
}

/** Words with spaces or commas between them. */
export function listOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '');
}

function parseServers(text: string): Conninfo {
  const conninfo = parseConninfo(text);
  refuseSecrets(conninfo);
  if (conninfo['host'] === undefined && conninfo['hostaddr'] === undefined && conninfo['service'] === undefined) {
    throw new Failure('usage', 'no host is named', { hint: 'Name all servers of the cluster: host=db1,db2.' });
  }
  return conninfo;
}

function parsePatroni(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new Failure('usage', 'that is no http:// or https:// URL');
  if (url.username !== '' || url.password !== '') {
    throw new Failure('usage', 'a URL here must not hold a secret', {
      hint: 'GET /cluster of Patroni needs no password.',
    });
  }
  return url;
}

function hintOf({ hint }: Failure): { hint?: string } {
  return hint === undefined ? {} : { hint };
}
