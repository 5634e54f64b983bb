import type { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import { Debts } from '@archive2/core/archive/debts.ts';
import type { Pledge } from '@archive2/core/archive/pledge.ts';
import { makePledge, tellOfEndedPledge } from '@archive2/core/archive/pledge-exchange.ts';
import type { WalStore } from '@archive2/core/archive/wal-store.ts';
import type { Clock } from '@archive2/core/base/clock.ts';
import { Failure, toFailure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import type { ArchiveSession } from '@archive2/core/hosts/archive-session.ts';
import { type PutBody, type PutHeader, type PutVerdict, putFile } from '@archive2/core/hosts/put.ts';
import { recordUnmarkedDebts } from '../pay/unmarked-debts.ts';

export interface PeerLinkOptions {
  name: string;
  connect: () => Promise<ArchiveSession>;
  /** After a failure, how long nobody waits for the peer. */
  cooldownMs: number;
  directory: ClusterDirectory;
  /** Starts the payer of debts, if none is at work. */
  startPaying: () => void;
  clock: Clock;
  log: Log;
}

/** A peer that is well is connected sooner. */
const connectPatienceMs = 1000;
/** A peer that only the sender does not reach has the copy sooner; one that is dead would cost every file of a failover. */
const awayPatienceMs = 250;
/** A pledge that could not be made, or was ended by another sender, is tried again this much later. */
const pledgeAgainMs = 10_000;

/** What a file's wait for its second copy depends on. */
export interface Patience {
  peerWaitMs: number;
  /** The client comes here because it does not reach the peer. */
  isSaidAway: boolean;
  /** The file was stored here before. It comes again for a reason, and rarely: what the peer says of it is worth a wait. */
  isRepeated: boolean;
}

/**
 * This session's way to the peer: one session that is opened when it is first needed and again after a cooldown, and the
 * debts that are left while it is away.
 */
export class PeerLink {
  readonly name: string;
  readonly debts: Debts;
  private readonly options: PeerLinkOptions;
  private session: Promise<ArchiveSession> | undefined;
  private isConnected = false;
  private openedMs = Number.NEGATIVE_INFINITY;
  private hasFailed = false;
  private coolUntilMs = Number.NEGATIVE_INFINITY;
  private compared = false;
  private triedPledgeMs = Number.NEGATIVE_INFINITY;
  private hasPledged = false;
  private pledging: Promise<void> = Promise.resolve();
  private isClosing = false;

  constructor(options: PeerLinkOptions) {
    this.options = options;
    this.name = options.name;
    this.debts = new Debts(options.directory, options.name);
  }

  /**
   * How much of `peerWaitMs` a file should wait for its second copy: less while the peer is still silent. A client that comes here
   * because the peer is dead has waited for it already. All files together have patience with the first attempt to connect: if each
   * had its own, a dead peer would slow everything down until that attempt is given up. Whether a peer that failed is back is found
   * out beside the work: what it gets by that attempt is owed for as long as it takes.
   */
  worthWaitingMs({ peerWaitMs, isSaidAway, isRepeated }: Patience): number {
    const awayMs = isSaidAway ? awayPatienceMs : peerWaitMs;
    if (this.isConnected) return Math.min(peerWaitMs, awayMs);
    if (this.hasFailed && !isRepeated) return 0;
    const silentMs = this.session === undefined ? 0 : this.options.clock.monotonicMs() - this.openedMs;
    return Math.max(0, Math.min(peerWaitMs, awayMs, connectPatienceMs) - silentMs);
  }

  /**
   * False while a file would only wait for a peer that is silent: it is owed then, and the payer has it. All files of a long attempt to
   * connect would be held open until its end.
   */
  isWorthTrying(patience: Patience): boolean {
    if (this.isCooling) return false;
    if (this.session === undefined || this.isConnected || patience.isRepeated) return true;
    return this.worthWaitingMs(patience) > 0;
  }

  private get isCooling(): boolean {
    return this.options.clock.monotonicMs() < this.coolUntilMs;
  }

  /**
   * Sends a file to the peer, marked as forwarded. Throws the Failure of the connection or of the peer; one of the
   * connection begins a cooldown.
   */
  async forward(store: WalStore, header: Omit<PutHeader, 'forwarded'>, body: PutBody): Promise<PutVerdict> {
    const session = await this.connected(store);
    return await putFile(session, { ...header, forwarded: true }, body);
  }

  /**
   * The session with the peer. Throws Failure `host_unreachable` while the peer is cooling, and `usage` when the peer turns
   * out to be this very directory.
   */
  async connected(store: WalStore): Promise<ArchiveSession> {
    if (this.session === undefined) {
      if (this.isCooling) throw new Failure('host_unreachable', `peer ${this.name} did not answer a moment ago`);
      this.openedMs = this.options.clock.monotonicMs();
      this.session = this.open(store);
      // Whoever awaits it hears of the failure; a cooldown begins in any case.
      this.session.catch(() => undefined);
    }
    return await this.session;
  }

  /**
   * Sees to it, beside the work, that the pledge of two copies is held on both hosts: once for each session with the peer, and again
   * when it is found ended. `known` is what this host holds now.
   */
  keepPledge(store: WalStore, known: Pledge | undefined): void {
    const { clock, log } = this.options;
    if (this.hasPledged && known?.state === 'held') return;
    if (!this.isConnected || clock.monotonicMs() - this.triedPledgeMs < pledgeAgainMs) return;
    this.triedPledgeMs = clock.monotonicMs();
    this.pledging = this.connected(store)
      .then((session) => makePledge(store, session))
      .then(
        (isMade) => {
          this.hasPledged = isMade;
        },
        (error: unknown) =>
          log.warning('no pledge of two copies', { peer: this.name, reason: toFailure(error).message }),
      );
  }

  /** Resolves when no pledge is being made: half of one binds, and helps nobody. */
  async settled(): Promise<void> {
    await this.pledging;
  }

  /** Makes the missing copy a durable debt, and sees to it that somebody pays. */
  async leaveDebt(name: Parameters<Debts['record']>[0]): Promise<void> {
    await this.debts.record(name);
    this.options.startPaying();
  }

  startPaying(): void {
    this.options.startPaying();
  }

  close(): void {
    this.isClosing = true;
    this.session?.then(
      (session) => session.close(),
      () => undefined,
    );
  }

  private async open(store: WalStore): Promise<ArchiveSession> {
    try {
      const session = await this.options.connect();
      session.closed.then(
        (failure) => this.lose(failure),
        () => undefined,
      );
      if (session.hello.storeId !== undefined && session.hello.storeId === (await store.storeId())) {
        session.close();
        throw new Failure('usage', `peer ${this.name} is this very directory: it can hold no second copy`, {
          hint: 'Name the other archive host in --peer, or in the host list of archive_command.',
        });
      }
      await this.compareNewest(session);
      await this.tellOfEndedPledge(store, session);
      this.isConnected = session.isOpen;
      this.hasFailed = !session.isOpen;
      return session;
    } catch (error) {
      this.lose(toFailure(error));
      throw error;
    }
  }

  /** Once a session: a kill between publishing and forwarding leaves no marker, only a difference. */
  private async compareNewest(session: ArchiveSession): Promise<void> {
    if (this.compared) return;
    const found = await recordUnmarkedDebts(this.options.directory, this.debts, session);
    this.compared = true;
    if (found > 0) {
      this.options.log.info('copies found missing on the peer', { peer: this.name, count: found });
      this.options.startPaying();
    }
  }

  /** What cannot be told now binds as before: files wait for it, not the session. */
  private async tellOfEndedPledge(store: WalStore, session: ArchiveSession): Promise<void> {
    try {
      await tellOfEndedPledge(store, session);
    } catch (error) {
      const reason = toFailure(error).message;
      this.options.log.warning('the peer was not told that the pledge of two copies has ended', { reason });
    }
  }

  private lose(failure: Failure): void {
    this.session = undefined;
    this.hasPledged = false;
    this.triedPledgeMs = Number.NEGATIVE_INFINITY;
    this.isConnected = false;
    this.hasFailed = true;
    if (!this.isCooling && !this.isClosing) {
      this.options.log.warning('peer lost, copies become debts', { peer: this.name, reason: failure.message });
    }
    this.coolUntilMs = this.options.clock.monotonicMs() + this.options.cooldownMs;
  }
}
