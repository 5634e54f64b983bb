import type { Clock } from '../base/clock.ts';
import { toFailure } from '../base/failure.ts';
import type { Log } from '../base/log.ts';
import type { ArchiveSession } from './archive-session.ts';
import {
  type CooldownPolicy,
  type CooldownState,
  type HostTurn,
  hostsInOrder,
  isCoolingDown,
  recordFailure,
  recordSuccess,
} from './cooldown.ts';
import type { HostSpec } from './host-spec.ts';

export interface HostPoolOptions {
  hosts: readonly HostSpec[];
  policy: CooldownPolicy;
  open: (host: HostSpec) => Promise<ArchiveSession>;
  /** What was remembered when this began, and who wants to know of changes. */
  cooldown: CooldownState;
  onCooldownChange: (state: CooldownState) => void;
  clock: Clock;
  log: Log;
}

/** One session for each archive host, opened when it is needed, shared by all files, and the hosts' cooldowns. */
export class HostPool {
  private readonly options: HostPoolOptions;
  private readonly sessions = new Map<string, Promise<ArchiveSession>>();
  private cooldown: CooldownState;
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

  succeeded(host: HostSpec): void {
    const next = recordSuccess(this.cooldown, host.text);
    if (next === this.cooldown) return;
    this.options.log.info('archive host works again', { host: host.text });
    this.remember(next);
  }

  /** Counts one failure of a host. Several files that fail with one session are one failure: see `lost`. */
  failed(host: HostSpec, reason: string): void {
    const { policy, clock, log } = this.options;
    const wasCooling = this.isCooling(host);
    this.remember(recordFailure(policy, this.cooldown, host.text, clock.nowMs()));
    if (!wasCooling && this.isCooling(host)) {
      log.warning('archive host in cooldown', { host: host.text, forMs: policy.cooldownMs, reason });
    } else if (!wasCooling) {
      log.warning('archive host failed', { host: host.text, reason });
    }
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
