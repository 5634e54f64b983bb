/** When a host that keeps failing loses its place. */
export interface CooldownPolicy {
  /** Failures in a row after which a host goes into cooldown; 0 counts as 1. */
  retryCount: number;
  /** How long it stays there, in milliseconds. */
  cooldownMs: number;
}

/** What is remembered of a host since its last success. */
export interface HostRecord {
  failures: number;
  /** Wall-clock time of the failure that counts: the latest, or the one that began the cooldown that still lasts. */
  failedAtMs: number;
}

/** Keyed by the host's spec as written. A host without a record has not failed since its last success. */
export type CooldownState = ReadonlyMap<string, HostRecord>;

export interface HostTurn<T> {
  host: T;
  /** `try`: with all retries and deadlines. `probe`: it failed lately, so look at it once and briefly. */
  mode: 'try' | 'probe';
}

/** The state after a failed call to the host. A failed probe does not prolong the cooldown, or it would never end. */
export function recordFailure(
  policy: CooldownPolicy,
  state: CooldownState,
  host: string,
  nowMs: number,
): CooldownState {
  const record = state.get(host);
  const began = isCoolingDown(policy, record, nowMs) ? record?.failedAtMs : undefined;
  // Counting stops at the threshold: the number is only ever compared with it, and it must not grow for years.
  const failures = Math.min((record?.failures ?? 0) + 1, threshold(policy));
  return new Map(state).set(host, { failures, failedAtMs: began ?? nowMs });
}

/** The state after a call that the host answered: it has its place back. */
export function recordSuccess(state: CooldownState, host: string): CooldownState {
  if (!state.has(host)) return state;
  const next = new Map(state);
  next.delete(host);
  return next;
}

/**
 * The hosts in the order in which to ask them: in the order given, those in cooldown last and only to be probed.
 *
 * After the cooldown a host is tried in its own place again; its next failure begins the next cooldown at once.
 */
export function hostsInOrder<T extends { text: string }>(
  policy: CooldownPolicy,
  state: CooldownState,
  hosts: readonly T[],
  nowMs: number,
): HostTurn<T>[] {
  const cooling = (host: T) => isCoolingDown(policy, state.get(host.text), nowMs);
  return [
    ...hosts.filter((host) => !cooling(host)).map((host) => ({ host, mode: 'try' as const })),
    ...hosts.filter(cooling).map((host) => ({ host, mode: 'probe' as const })),
  ];
}

/** True for a host that has failed so often in a row that a cooldown began, whether that one is over or not. */
export function isGivenUp(policy: CooldownPolicy, record: HostRecord | undefined): boolean {
  return record !== undefined && record.failures >= threshold(policy);
}

/** True while a host with this record is in cooldown. */
export function isCoolingDown(policy: CooldownPolicy, record: HostRecord | undefined, nowMs: number): boolean {
  if (record === undefined || !isGivenUp(policy, record)) return false;
  const elapsedMs = nowMs - record.failedAtMs;
  // A failure in the future means that the clock was set back: without the lower bound the host would wait for years.
  return elapsedMs >= 0 && elapsedMs < policy.cooldownMs;
}

function threshold(policy: CooldownPolicy): number {
  return Math.max(1, policy.retryCount);
}
