import type { Clock } from '../base/clock.ts';
import { toFailure } from '../base/failure.ts';
import type { Log } from '../base/log.ts';
import type { ArchiveSession } from './archive-session.ts';
import {
  type CooldownPolicy,
  type CooldownState,
  type HostRecord,
  type HostTurn,
  hostsInOrder,
  isCoolingDown,
  isGivenUp,
  recordFailure,
  recordSuccess,
} from './cooldown.ts';
import type { HostSpec } from './host-spec.ts';
import { type HostWatcher, nobodyWatchesHosts } from './host-watcher.ts';

export interface HostPoolOptions {
  hosts: readonly HostSpec[];
  policy: CooldownPolicy;
  open: (host: HostSpec) => Promise<ArchiveSession>;
  /** What was remembered when this began, and who wants to know of changes. */
  cooldown: CooldownState;
  onCooldownChange: (state: CooldownState) => void;
  /** Default: nobody. */
  watcher?: HostWatcher;
  clock: Clock;
  log: Log;
}

/** One session for each archive host, opened when it is needed, shared by all files, and the hosts' cooldowns. */
export class HostPool {
  private readonly options: HostPoolOptions;
  private readonly sessions = new Map<string, Promise<ArchiveSession>>();
  /** Since when those hosts are connected to that have not answered yet. */
  private readonly silentSinceMs = new Map<string, number>();
  private cooldown: CooldownState;
  /** Of failures in this life. */
  private readonly failingSinceMs = new Map<string, number>();
  private stopped = false;

  constructor(options: HostPoolOptions) {
    this.options = options;
    this.cooldown = options.cooldown;
  }

  /** True for the host that is asked first while all are well. */
  isPreferred(host: HostSpec): boolean {
    return host === this.options.hosts[0];
  }

  /** The hosts in the order in which to ask them now. */
  turns(): HostTurn<HostSpec>[] {
    const { policy, hosts, clock } = this.options;
    return hostsInOrder(policy, this.cooldown, hosts, clock.nowMs());
  }

  /** The open session with a host, or a new one. Many files that ask at once share one attempt, and one failure. */
  session(host: HostSpec): Promise<ArchiveSession> {
    const existing = this.sessions.get(host.text);
    if (existing !== undefined) return existing;
    const opening = this.options.open(host);
    this.sessions.set(host.text, opening);
    this.silentSinceMs.set(host.text, this.options.clock.monotonicMs());
    const answered = (): boolean => this.silentSinceMs.delete(host.text);
    opening.then(answered, answered);
    const forget = (): void => {
      if (this.sessions.get(host.text) === opening) this.sessions.delete(host.text);
    };
    opening.then(
      (session) => {
        if (this.stopped) session.close();
        session.closed.then(forget, forget);
      },
      (error: unknown) => {
        forget();
        this.failed(host, toFailure(error).message);
      },
    );
    return opening;
  }

  /** True when a file could be sent to the host without connecting first. */
  hasSession(host: HostSpec): boolean {
    return this.sessions.has(host.text);
  }

  /** How long a host that is being connected to has said nothing, in milliseconds; 0 when nobody waits for it to answer. */
  silentForMs(host: HostSpec): number {
    const sinceMs = this.silentSinceMs.get(host.text);
    return sinceMs === undefined ? 0 : this.options.clock.monotonicMs() - sinceMs;
  }

  succeeded(host: HostSpec): void {
    const record = this.cooldown.get(host.text);
    if (record === undefined) return;
    const { policy, clock, log, watcher = nobodyWatchesHosts } = this.options;
    log.info('archive host works again', { host: host.text });
    const forMs = Math.max(0, clock.nowMs() - (this.failingSinceMs.get(host.text) ?? record.failedAtMs));
    this.failingSinceMs.delete(host.text);
    this.remember(recordSuccess(this.cooldown, host.text));
    watcher.hostWorks(host, { wasCooling: isGivenUp(policy, record), forMs });
  }

  /** Counts one failure of a host. Several files that fail with one session are one failure: see `lost`. */
  failed(host: HostSpec, reason: string): void {
    const { policy, clock, log } = this.options;
    const wasCooling = this.isCooling(host);
    const before = this.cooldown.get(host.text);
    this.remember(recordFailure(policy, this.cooldown, host.text, clock.nowMs()));
    this.tellFailure(host, reason, before);
    if (!wasCooling && this.isCooling(host)) {
      log.warning('archive host in cooldown', { host: host.text, forMs: policy.cooldownMs, reason });
    } else if (!wasCooling) {
      log.warning('archive host failed', { host: host.text, reason });
    }
  }

  private tellFailure(host: HostSpec, reason: string, before: HostRecord | undefined): void {
    const { policy, clock, watcher = nobodyWatchesHosts } = this.options;
    const after = this.cooldown.get(host.text);
    if (before === undefined) this.failingSinceMs.set(host.text, clock.nowMs());
    watcher.hostFailed(host, {
      reason,
      isFirst: before === undefined,
      beginsCooldown: !isGivenUp(policy, before) && isGivenUp(policy, after),
      coolingUntilMs: this.isCooling(host) ? (after?.failedAtMs ?? 0) + policy.cooldownMs : undefined,
    });
  }

  private readonly counted = new WeakSet<ArchiveSession>();

  /** Counts the loss of a session as one failure, however many files were under way. */
  lost(host: HostSpec, session: ArchiveSession, reason: string): void {
    if (this.counted.has(session)) return;
    this.counted.add(session);
    this.failed(host, reason);
  }

  coolingHosts(): string[] {
    return this.options.hosts.filter((host) => this.isCooling(host)).map((host) => host.text);
  }

  stop(): void {
    this.stopped = true;
    for (const opening of this.sessions.values()) {
      opening.then(
        (session) => session.close(),
        () => undefined,
      );
    }
  }

  private isCooling(host: HostSpec): boolean {
    const { policy, clock } = this.options;
    return isCoolingDown(policy, this.cooldown.get(host.text), clock.nowMs());
  }

  private remember(state: CooldownState): void {
    this.cooldown = state;
    this.options.onCooldownChange(state);
  }
}
