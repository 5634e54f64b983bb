import type { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import type { Conninfo } from '@archive2/core/postgres/conninfo.ts';

/** One base backup to take. */
export interface BackupJob {
  directory: ClusterDirectory;
  /** The cluster's name that the queue has; undefined: whichever the directory is of. */
  cluster: string | undefined;
  conninfo: Conninfo;
  keep: number;
  /** How the peer is reached; undefined where there is none, or none is known. */
  peer: string | undefined;
  /** A random id of this run. */
  run: string;
}
