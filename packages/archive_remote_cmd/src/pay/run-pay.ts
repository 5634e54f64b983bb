import { Debts } from '@archive2/core/archive/debts.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { RateLimit } from '@archive2/core/base/rate-limit.ts';
import { connectPeer, openStore, type RemoteRun } from '../remote-run.ts';
import { payDebts } from './pay-debts.ts';
import { PayerEvents } from './payer-events.ts';
import { tryPayerLock } from './payer-lock.ts';

/** Pays what this host owes its peer, then ends; at once if another payer is at work. SIGTERM ends it between two files. */
export async function runPay(run: RemoteRun): Promise<void> {
  const { options, clock, log, events } = run;
  const { peer, directory, probeIntervalMs } = options;
  if (peer === undefined) throw new Failure('usage', 'pay needs --peer NAME=user@host');
  const debts = new Debts(directory, peer.name);
  const stop = new AbortController();
  process.once('SIGTERM', () => stop.abort());
  process.once('SIGINT', () => stop.abort());
  for (;;) {
    const lock = tryPayerLock(directory, peer.name);
    if (lock === undefined) return;
    const store = await openStore(run);
    const told = await PayerEvents.open(directory, peer.name, events);
    const begunMs = clock.monotonicMs();
    const report = await payDebts({
      store,
      debts,
      connect: () => connectPeer(run, peer),
      probeIntervalMs,
      rate: new RateLimit(options.repairBytesPerSecond, clock),
      clock,
      log,
      signal: stop.signal,
      tell: (event) => told.tell(event),
    });
    lock.release();
    if (report.paid > 0) log.info('debts paid', { peer: peer.name, count: report.paid });
    // One may have been recorded between our last look and the release, by somebody who saw the lock still held.
    const left = await debts.count();
    if (left === 0) told.paid(report.paid, clock.monotonicMs() - begunMs);
    if (left === 0 || stop.signal.aborted) return;
    if (left === report.unpayable.length) {
      log.error('debts need a person', { peer: peer.name, count: left });
      told.stuck(report.unpayable);
      throw new Failure('conflict', `${left} debts to ${peer.name} need a person`, {
        hint: 'Each was logged with its reason; "archive_remote_cmd conflict list" on the peer shows conflicts.',
      });
    }
  }
}
