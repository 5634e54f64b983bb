/** The points in time that can be restored: from a complete backup's end on, for as long as there is WAL. */
export interface CoverageReport {
  /** By time; they may overlap, where there are several timelines. Empty: nothing can be restored. */
  readonly ranges: readonly CoverageRange[];
  /** The whole that they cover, overlaps once. */
  readonly totalMs: number;
  /** False: a host did not answer, and may have more than this. */
  readonly isWhole: boolean;
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
}
