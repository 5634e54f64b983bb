import type { RecordedEvent } from '../files/event-text.ts';
import type { WalPlace } from '../wal/backup-label.ts';
import type { BackupSource } from './backup-source.ts';
import type { HostSurvey } from './host-survey.ts';

/** One of the two archives of a cluster, wherever it is: on this machine or behind a session. */
export interface ArchivePlace {
  /** As it was named: "arch1", "archive@arch1", "/storage/main". */
  readonly name: string;
  /** True for a directory of this machine. */
  readonly isLocal: boolean;
  /** Throws the Failure of an archive that cannot be asked, by the place's deadline. */
  survey(): Promise<HostSurvey>;
  /** The newest events of its log, the oldest first, none older than `sinceMs`. Throws as `survey`. */
  events(query: { newest: number; sinceMs?: number }): Promise<RecordedEvent[]>;
  /** The files of a base backup. Many may be read at the same time. */
  backup(name: string): BackupSource;
  /**
   * Keeps cleanups from removing WAL from `from` on, and with it the backup that begins there, until the pin is ended or
   * `ttlMs` are over. Durable when it returns; the same id again renews it.
   */
  pin(id: string, pin: { holder: string; from: WalPlace; ttlMs: number }): Promise<void>;
  /** Ends a pin; one that is not there is none to end. */
  unpin(id: string): Promise<void>;
  /** Ends sessions. No call may follow. */
  close(): Promise<void>;
}

/** What asking a place gave. */
export type PlaceAnswer = { place: ArchivePlace } & ({ survey: HostSurvey } | { problem: Error });
