import type { Debts } from '@archive2/core/archive/debts.ts';
import { tellOfEndedPledge } from '@archive2/core/archive/pledge-exchange.ts';
import { sendCopy } from '@archive2/core/archive/send-copy.ts';
import type { WalStore } from '@archive2/core/archive/wal-store.ts';
import type { Clock } from '@archive2/core/base/clock.ts';
import { Failure, toFailure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import type { RateLimit } from '@archive2/core/base/rate-limit.ts';
import type { NewEvent } from '@archive2/core/files/event-text.ts';
import type { ArchiveSession } from '@archive2/core/hosts/archive-session.ts';
import type { ArchiveFile } from '@archive2/core/wal/archive-file.ts';
import { recordUnmarkedDebts } from './unmarked-debts.ts';

export interface PayOptions {
  store: WalStore;
  debts: Debts;
  connect: () => Promise<ArchiveSession>;
  /** Between two looks at a peer that is away. */
  probeIntervalMs: number;
  /** What live WAL leaves room for. */
  rate: RateLimit;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
  /** Told of what changes: that something is owed, that the peer is away, that it is back. */
  tell: (event: NewEvent) => void;
}

/** What is left when the payer goes: debts that a person must settle (a conflict, a damaged file). */
export interface PayReport {
  paid: number;
  unpayable: ArchiveFile[];
}

/**
 * Pays all debts, history files first, then the oldest, waiting for the peer for as long as it takes. Returns when nothing is
 * owed that can be paid, or when the signal aborts. Safe to be killed at any moment: a debt is removed only after the peer
 * confirmed the copy.
 */
export async function payDebts(options: PayOptions): Promise<PayReport> {
  const { debts, clock, log, signal, tell } = options;
  const unpayable = new Map<string, ArchiveFile>();
  let paid = 0;
  let compared = false;
  let away = false;
  let owes = false;
  while (!signal.aborted) {
    const owed = (await debts.list()).filter((file) => !unpayable.has(file.name));
    if (owed.length === 0 && compared) break;
    if (owed.length > 0 && !owes) tell({ event: 'debts-recorded', count: owed.length });
    owes ||= owed.length > 0;
    let session: ArchiveSession | undefined;
    try {
      session = await options.connect();
      if (away) {
        log.info('peer is back', { owed: owed.length });
        tell({ event: 'peer-back', owed: owed.length });
      }
      away = false;
      // First of all: what it still relies on ended while it was away.
      await tellOfEndedPledge(options.store, session);
      if (!compared) await recordUnmarkedDebts(options.store.directory, debts, session);
      compared = true;
      for (const file of owed) {
        if (signal.aborted) break;
        if (await payOne(options, session, file)) paid += 1;
        else unpayable.set(file.name, file);
      }
    } catch (error) {
      const failure = toFailure(error);
      if (!away) {
        log.warning('peer is away, waiting for it', { owed: owed.length, reason: failure.message });
        tell({ event: 'peer-away', owed: owed.length, reason: failure.message });
      }
      away = true;
      await clock.sleep(options.probeIntervalMs, signal);
    } finally {
      session?.close();
    }
  }
  return { paid, unpayable: [...unpayable.values()] };
}

/** True when the debt is settled; false when it cannot be without a person. Throws what may pass by itself. */
async function payOne(options: PayOptions, session: ArchiveSession, file: ArchiveFile): Promise<boolean> {
  const { store, debts, log } = options;
  try {
    // What was removed meanwhile is owed no more.
    await sendCopy(store, session, file, { rate: options.rate });
    await debts.settle(file.name);
    log.debug('debt paid', { name: file.name });
    return true;
  } catch (error) {
    if (!session.isOpen || !(error instanceof Failure) || error.retryable) throw error;
    log.error('debt cannot be paid', { name: file.name, code: error.code, reason: error.message });
    return false;
  }
}
