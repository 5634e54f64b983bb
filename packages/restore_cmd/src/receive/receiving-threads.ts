import type { Log } from '@archive2/core/base/log.ts';
import type { Receive } from './receive-file.ts';
import { ReceivingThread } from './receiving-thread.ts';

/** With one, a machine of two processors waits for it while the other one has nothing to do. */
const mostThreads = 2;

/** Receives each file in the thread that has the least to do; the second one begins when there are two files at a time. */
export class ReceivingThreads {
  private readonly threads: readonly ReceivingThread[];

  constructor(threads: readonly ReceivingThread[]) {
    this.threads = threads;
  }

  static of(log: Log): ReceivingThreads {
    return new ReceivingThreads(Array.from({ length: mostThreads }, () => new ReceivingThread(log)));
  }

  /** Begins the first one, beside whatever else there is to do. */
  start(): void {
    this.threads[0]?.start();
  }

  readonly receive: Receive = async (chunks, wanted, segmentSize) => {
    return await leastBusy(this.threads).receive(chunks, wanted, segmentSize);
  };

  stop(): void {
    for (const thread of this.threads) thread.stop();
  }
}

/** The first of them, of those that work, or of all if none does. */
function leastBusy(threads: readonly ReceivingThread[]): ReceivingThread {
  const working = threads.filter(({ isBroken }) => !isBroken);
  const [first, ...others] = working.length > 0 ? working : threads;
  if (first === undefined) throw new Error('there are no threads');
  return others.reduce((least, one) => (one.filesUnderWay < least.filesUnderWay ? one : least), first);
}
