import type { ArchivePlace, PlaceAnswer } from '@archive2/core/backups/archive-place.ts';
import type { Reach } from '@archive2/core/backups/follow-wal.ts';
import type { HostSurvey, SurveyedBackup } from '@archive2/core/backups/host-survey.ts';
import type { WalPlace } from '@archive2/core/wal/backup-label.ts';
import type { ClusterIdentity } from '@archive2/core/wal/cluster-identity.ts';
import type { TimelineId } from '@archive2/core/wal/timeline-id.ts';
import type { RestoreWish } from './restore-wish.ts';

/** A host that answered. */
export interface SurveyedPlace {
  readonly place: ArchivePlace;
  readonly survey: HostSurvey;
}

/** A host that did not: nobody knows what it holds. */
export interface SilentPlace {
  readonly place: ArchivePlace;
  readonly problem: Error;
}

/** A complete backup, and who has it. */
export interface Candidate {
  readonly place: ArchivePlace;
  readonly backup: SurveyedBackup & { readonly start: WalPlace; readonly stop: WalPlace };
}

/** What will be done, as far as the archive decides it. */
export interface RestorePlan {
  readonly wish: RestoreWish;
  readonly cluster: string;
  readonly identity: ClusterIdentity;
  /** Of PostgreSQL. */
  readonly major: number;
  /** The backup, first where it is read from, then further hosts that have the very same. */
  readonly copies: readonly [Candidate, ...Candidate[]];
  /** The timeline that is recovered to. */
  readonly timeline: TimelineId;
  readonly reach: Reach;
  /** Hosts that answered: restore_command names these. */
  readonly hosts: readonly SurveyedPlace[];
  readonly silent: readonly SilentPlace[];
  /** What is lost, or may be, when this plan is carried out: sentences. Empty when nothing is. */
  readonly losses: readonly string[];
  /** What a person should know: sentences. */
  readonly warnings: readonly string[];
}

/** Those that answered and those that did not, in their order. */
export function splitAnswers(answers: readonly PlaceAnswer[]): { hosts: SurveyedPlace[]; silent: SilentPlace[] } {
  const hosts: SurveyedPlace[] = [];
  const silent: SilentPlace[] = [];
  for (const answer of answers) {
    if ('survey' in answer) hosts.push(answer);
    else silent.push(answer);
  }
  return { hosts, silent };
}
