import type { FailureCode } from '@archive2/core/base/failure-table.ts';
import type { ArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import type { Hole } from '@archive2/core/wal/holes.ts';

export interface Transfer {
  files: number;
  /** As they are stored. */
  bytes: number;
}

/** What one host's copy turned out to be. */
type CopyWord = 'whole' | 'damaged' | 'unreadable' | 'absent';

/** A file that no repair could make whole on both hosts. */
interface DamagedFile {
  name: ArchiveFileName;
  here: CopyWord;
  there: CopyWord;
  reason: string;
}

/** Two whole contents under one name. */
interface Conflict {
  name: ArchiveFileName;
  digestHere: string;
  digestThere: string;
  /** The first 8 kB page that differs, from 0; undefined where the other content could not be kept here. */
  firstDifferingPage: number | undefined;
  /** Of that page; undefined for a file without positions. */
  lsn: string | undefined;
}

interface FailedFile {
  name: ArchiveFileName;
  code: FailureCode;
  message: string;
}

/** What a run found and did; in a dry run, what it would have done. */
export interface SyncReport {
  peer: string;
  dryRun: boolean;
  filesHere: number;
  filesThere: number;
  fetched: Transfer;
  sent: Transfer;
  /** Pairs whose contents were read and compared. */
  compared: number;
  repairedHere: ArchiveFileName[];
  repairedThere: ArchiveFileName[];
  damaged: DamagedFile[];
  conflicts: Conflict[];
  holes: Hole[];
  failed: FailedFile[];
  debtsSettled: number;
  debtsLeft: number;
  seconds: number;
}

export function emptyReport(peer: string, dryRun: boolean): SyncReport {
  return {
    peer,
    dryRun,
    filesHere: 0,
    filesThere: 0,
    fetched: { files: 0, bytes: 0 },
    sent: { files: 0, bytes: 0 },
    compared: 0,
    repairedHere: [],
    repairedThere: [],
    damaged: [],
    conflicts: [],
    holes: [],
    failed: [],
    debtsSettled: 0,
    debtsLeft: 0,
    seconds: 0,
  };
}
