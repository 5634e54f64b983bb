/** The points in time that can be restored: from a complete backup's end on, for as long as there is WAL. */
export interface CoverageReport {
  /** By time; they may overlap, where there are several timelines. Empty: nothing can be restored. */
  readonly ranges: readonly CoverageRange[];
  /** The whole that they cover, overlaps once. */
  readonly totalMs: number;
  /** False: a host did not answer, and may have more than this. */
  readonly isWhole: boolean;
  /** Complete backups from which nothing can be restored, and why: words that follow "because". */
  readonly unusable: readonly { readonly name: string; readonly hosts: readonly string[]; readonly problem: string }[];
}

export interface CoverageRange {
  readonly fromAtMs: number;
  readonly toAtMs: number;
  readonly fromLsn: string;
  readonly toLsn: string;
  /** Where it begins, and where it ends. */
  readonly fromTimeline: number;
  readonly toTimeline: number;
  /** The oldest backup that it begins from, and who has that. */
  readonly backup: string;
  readonly hosts: readonly string[];
  /** What keeps it from going on although there is later WAL; null: it ends with the WAL. */
  readonly missing: { readonly from: string; readonly to: string; readonly count: number } | null;
}
