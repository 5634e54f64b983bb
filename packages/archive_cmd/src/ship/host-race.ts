import type { Clock } from '@archive2/core/base/clock.ts';
import type { ArchiveSession } from '@archive2/core/hosts/archive-session.ts';
import type { HostTurn } from '@archive2/core/hosts/cooldown.ts';
import type { HostPool } from '@archive2/core/hosts/host-pool.ts';
import type { HostSpec } from '@archive2/core/hosts/host-spec.ts';

/**
 * The hosts of one call, one after the other: in their order, but a host that is silent does not keep the file from one that is there.
 * Each is connected to once at most.
 */
export class HostRace {
  private readonly pool: HostPool;
  private readonly clock: Clock;
  private readonly patienceMs: number;
  private readonly waiting: HostTurn<HostSpec>[];
  private readonly attempts = new Map<HostSpec, Promise<ArchiveSession>>();

  /**
   * A host that is silent for `patienceMs` while it is connected to lets the other one go first. All calls that share the attempt have
   * patience with it once: if each had its own, a dead host would slow all of them down until the attempt is given up.
   */
  constructor(pool: HostPool, clock: Clock, patienceMs: number) {
    this.pool = pool;
    this.clock = clock;
    this.patienceMs = patienceMs;
    this.waiting = pool.turns();
  }

  /** The host to ask next, each once; undefined when all were. Resolves when something is known of it, or nobody else is left. */
  async next(): Promise<HostSpec | undefined> {
    const [first, second] = this.waiting;
    if (first === undefined || second === undefined) return this.waiting.shift()?.host;
    const chosen = (await this.withinPatience(first)) ?? (await this.firstOf(first, second));
    this.waiting.splice(this.waiting.indexOf(chosen), 1);
    return chosen.host;
  }

  /** The open session with a host, or this call's attempt to open one, also when that has failed already. */
  session(host: HostSpec): Promise<ArchiveSession> {
    const existing = this.attempts.get(host);
    if (existing !== undefined) return existing;
    const attempt = this.pool.session(host);
    // Whoever takes the host hears of its failure.
    attempt.catch(() => undefined);
    this.attempts.set(host, attempt);
    return attempt;
  }

  private async withinPatience(turn: HostTurn<HostSpec>): Promise<HostTurn<HostSpec> | undefined> {
    const heard = this.heard(turn);
    const enough = new AbortController();
    const silence = this.clock.sleep(this.patienceLeftMs(turn), enough.signal).then(() => undefined);
    const first = await Promise.race([heard, silence]);
    enough.abort();
    return first;
  }

  private patienceLeftMs({ host, mode }: HostTurn<HostSpec>): number {
    return mode === 'probe' ? 0 : Math.max(0, this.patienceMs - this.pool.silentForMs(host));
  }

  private async firstOf(silent: HostTurn<HostSpec>, other: HostTurn<HostSpec>): Promise<HostTurn<HostSpec>> {
    const heard = this.heard(silent);
    // The other one must be there to go first: its failure leaves the silent one.
    const isThere = this.session(other.host).then(
      () => other,
      () => heard,
    );
    return await Promise.race([heard, isThere]);
  }

  private heard(turn: HostTurn<HostSpec>): Promise<HostTurn<HostSpec>> {
    return this.session(turn.host).then(
      () => turn,
      () => turn,
    );
  }
}
