import type { BackupManifest } from '../../backups/backup-manifest.ts';
import type { BackupSource } from '../../backups/backup-source.ts';
import type { SurveyedBackup } from '../../backups/host-survey.ts';
import type { Clock } from '../../base/clock.ts';
import type { ClusterIdentity } from '../../wal/cluster-identity.ts';

/** A base backup as one host has it, and the way to its files. */
export interface BackupCopy {
  readonly source: BackupSource;
  readonly backup: SurveyedBackup;
}

/** What `extractBackup` is to do. */
export interface Extraction {
  /** Where the backup can be read, the preferred place first. Others are used only if their manifest is the very same. */
  copies: readonly [BackupCopy, ...BackupCopy[]];
  /** For the marker and for messages. */
  cluster: string;
  identity: ClusterIdentity;
  /** Names this restore: a target that an earlier call with the same id has left half done is taken up again. */
  planId: string;
  /** The data directory, absolute. Is made if it is not there; is empty, or was left by this plan. */
  target: string;
  /** For each tablespace of the backup, by OID, its new directory, absolute. Is made, or is empty, as the target. */
  tablespaces: ReadonlyMap<string, string>;
  /** Whose the files are to be; only root may give them away. Undefined: ours. */
  owner: FileOwner | undefined;
  /** Also looks at the page checksums of data files, where the cluster has them. */
  checkPageChecksums: boolean;
  /** Aborted: the extraction ends within 2 s with the signal's reason. What was written stays, with the marker. */
  signal: AbortSignal;
  clock: Clock;
  /** Is called after each piece, some hundred times for a gigabyte. */
  onProgress: (progress: ExtractionProgress) => void;
}

export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

interface ExtractionProgress {
  /** Of the tars, as they lie on the host: read so far, and in all. */
  readonly storedBytes: number;
  readonly totalStoredBytes: number;
  /** Written so far. */
  readonly contentBytes: number;
  readonly fileCount: number;
}

export interface ExtractedBackup {
  /** The host that it came from. */
  readonly host: string;
  readonly fileCount: number;
  /** Of the files. */
  readonly contentBytes: number;
  /** Undefined for a backup without a manifest (PostgreSQL 12): then nothing but the tars' own form was checked. */
  readonly manifest: BackupManifest | undefined;
  /** Undefined when it was not asked for, the cluster has no page checksums, or its pg_control does not lie beside the tars. */
  readonly pages: PageFindings | undefined;
  /** True when an earlier call had done all of it: then nothing was read again, and `pages` is undefined. */
  readonly wasThere: boolean;
}

/**
 * What the page checksums say. Pages that are newer than the backup's start are not judged, as the server may have been writing
 * them. A page that was torn with the old LSN in its first half counts as bad here: replay mends that one, damage it does not.
 */
export interface PageFindings {
  /** Pages whose checksum was compared. */
  readonly checkedCount: number;
  /** Skipped: never used, or newer than the start of the backup. */
  readonly newCount: number;
  readonly recentCount: number;
  readonly badCount: number;
  /** The first of them, at most 100. */
  readonly bad: readonly BadPage[];
}

export interface BadPage {
  /** As in the data directory: "base/5/16384.1". */
  readonly file: string;
  /** As PostgreSQL counts it: over all segments of the relation. */
  readonly block: number;
}
