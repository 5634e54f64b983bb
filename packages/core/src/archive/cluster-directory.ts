import { isAbsolute, join, normalize } from 'node:path';
import { Failure } from '../base/failure.ts';

/** The layout of a cluster's directory on an archive host: the one place that spells these names. */
export class ClusterDirectory {
  readonly path: string;

  constructor(path: string) {
    if (!isAbsolute(path) || normalize(path) !== path || path.endsWith('/')) {
      throw new Failure(
        'usage',
        `cluster directory ${JSON.stringify(path)} is not an absolute path in its plain form`,
        {
          hint: 'Name it from the root, without "..", "//" or a slash at the end, as in /storage/main.',
        },
      );
    }
    this.path = path;
  }

  get identityFile(): string {
    return join(this.path, 'cluster.json');
  }

  /** DST-DIR of archive_cmd, SRC-DIR of restore_cmd. */
  get walDirectory(): string {
    return join(this.path, walDirectoryName);
  }

  get quarantineDirectory(): string {
    return join(this.path, 'quarantine');
  }

  get stateDirectory(): string {
    return join(this.path, 'state');
  }

  get takenNameLock(): string {
    return join(this.stateDirectory, 'lock.taken-name');
  }

  /** Names that were removed on purpose, see Tombstones. */
  get tombstonesDirectory(): string {
    return join(this.stateDirectory, 'tombstones');
  }

  /** What holds WAL for a while, see Pins. */
  get pinsDirectory(): string {
    return join(this.stateDirectory, 'pins');
  }

  get storeIdFile(): string {
    return join(this.stateDirectory, 'store-id');
  }

  get pledgeFile(): string {
    return join(this.stateDirectory, 'pledge.json');
  }

  get pledgeLock(): string {
    return join(this.stateDirectory, 'lock.pledge');
  }

  get lastLogFile(): string {
    return join(this.path, 'LASTLOG');
  }

  /** Missing segments that a person has accepted, see AcceptedHoles. */
  get holesFile(): string {
    return join(this.stateDirectory, 'holes.json');
  }

  /** What people and commands decided, a line of JSON each, see recordEvent. */
  get eventsFile(): string {
    return join(this.stateDirectory, 'events.jsonl');
  }

  /** The debts to each peer, a directory for each name that it had. */
  get debtsRoot(): string {
    return join(this.path, 'debts');
  }

  debtsDirectory(peerName: string): string {
    return join(this.debtsRoot, peerName);
  }

  walFile(name: string): string {
    return join(this.walDirectory, name);
  }
}

const walDirectoryName = 'logs.complete';

/**
 * The cluster directory that a WAL directory belongs to, for a client that names only the latter (DST-DIR, SRC-DIR).
 * Throws Failure `usage` when it is not `<cluster dir>/logs.complete`.
 */
export function clusterDirectoryOfWal(walDirectory: string): ClusterDirectory {
  const suffix = `/${walDirectoryName}`;
  if (!isAbsolute(walDirectory) || normalize(walDirectory) !== walDirectory || !walDirectory.endsWith(suffix)) {
    throw new Failure('usage', `WAL directory ${JSON.stringify(walDirectory)} is not <cluster directory>${suffix}`, {
      hint: `Give the absolute path of the WAL directory on the archive hosts, as in /storage/main${suffix}.`,
    });
  }
  return new ClusterDirectory(walDirectory.slice(0, -suffix.length));
}
