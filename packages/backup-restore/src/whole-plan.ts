import type { TargetAction } from '@archive2/core/restore/server/recovery-target.ts';
import type { Settings } from '@archive2/core/restore/server/settings-text.ts';
import type { SpaceNeed } from '@archive2/core/restore/space-needed.ts';
import type { Account } from './become-owner.ts';
import type { RestorePlan } from './plan/restore-plan.ts';
import type { TargetUse } from './target/judge-target.ts';

/** All that a restore will do, known before anything is touched. */
export interface WholePlan {
  readonly plan: RestorePlan;
  readonly account: Account;
  /** The data directory, absolute. */
  readonly target: string;
  /** New directories of tablespaces, by OID. */
  readonly tablespaces: ReadonlyMap<string, string>;
  readonly use: TargetUse;
  /** What an old directory is moved to, when `use` is move. */
  readonly asideName: string;
  /** The backup of an interrupted restore whose files are removed; undefined when there is none to remove. */
  readonly removes: string | undefined;
  /** Names this restore, see planIdOf. */
  readonly planId: string;
  /** What the recovery is told, see recoveryTextOf. */
  readonly recovery: string;
  readonly space: readonly SpaceNeed[];
  /** The directory of PostgreSQL's programs. */
  readonly programs: string;
  readonly major: number;
  readonly action: TargetAction;
  readonly start: boolean;
  readonly takeOver: boolean;
  /** Of the person's, for the restored server. */
  readonly settings: Settings;
  /** Of the plan and of this machine: sentences. */
  readonly warnings: readonly string[];
}
