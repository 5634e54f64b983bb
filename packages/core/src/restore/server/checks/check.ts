/** A question that a restored server has to answer, as a person has written it. */
export interface Check {
  readonly name: string;
  readonly sql: string;
  /** Undefined: the cluster's only database, else `postgres`; see checkDatabase. */
  readonly database: string | undefined;
  /** For an answer that is a number: both ends are fine. */
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly timeoutMs: number;
}

export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  /** What was found, as text: "true", "1234", "24 databases". Undefined where there was no answer. */
  readonly value: string | undefined;
  /** Why it failed. */
  readonly problem: string | undefined;
  readonly elapsedMs: number;
  /** On a failure: what there was to see, at most 20 rows or lines, shortened. */
  readonly evidence: readonly string[];
}

export const defaultCheckTimeoutMs = 60_000;
