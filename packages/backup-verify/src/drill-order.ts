import type { ArchiveSettings } from '@archive2/core/cli/archive-options.ts';
import type { Check } from '@archive2/core/restore/server/checks/check.ts';
import type { Settings } from '@archive2/core/restore/server/settings-text.ts';
import type { DrillWish } from './choose/choose-backup.ts';

/** One drill: what is restored, where, and what it has to prove. */
export interface DrillOrder {
  readonly archive: ArchiveSettings;
  /** This machine's name in reports, and in the queue. */
  readonly host: string;
  readonly wish: DrillWish;
  readonly target: 'latest' | 'random';
  /** Holds `<cluster>/`, the scratch of a drill, and its lock. */
  readonly scratchDirectory: string;
  /** Where this machine's reports are. */
  readonly stateDirectory: string;
  readonly keepOnFailure: boolean;
  readonly checks: readonly Check[];
  /** For checks that name no database; undefined: see checkDatabase. */
  readonly checkDatabase: string | undefined;
  readonly amcheck: boolean;
  readonly heapAllIndexed: boolean;
  readonly dump: boolean;
  /** How old the newest commit may be when the drill begins; undefined: as old as it is. */
  readonly maxRpoMs: number | undefined;
  /** A database that was there in the last good drill may have shrunk to this share. */
  readonly minShare: number;
  readonly allowEmpty: boolean;
  /** Decimal; undefined: that of the archive's cluster.json. */
  readonly systemIdentifier: string | undefined;
  readonly binDirectory: string | undefined;
  /** A superuser of the cluster. */
  readonly databaseUser: string;
  readonly memoryBytes: number;
  /** Without any progress of the replay for so long, the drill has failed. */
  readonly stallLimitMs: number;
  /** For the server. */
  readonly settings: Settings;
}
