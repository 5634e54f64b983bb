import { Debts } from '../../../packages/core/src/archive/debts.ts';
import { readCatalog } from '../../../packages/core/src/backups/read-catalog.ts';
import { type Clock, systemClock } from '../../../packages/core/src/base/clock.ts';
import { RateLimit } from '../../../packages/core/src/base/rate-limit.ts';
import { Progress } from '../../../packages/wal-sync/src/progress.ts';
import { emptyReport, type SyncReport } from '../../../packages/wal-sync/src/report.ts';
import { syncArchives } from '../../../packages/wal-sync/src/sync-archives.ts';
import type { SyncRun } from '../../../packages/wal-sync/src/sync-run.ts';
import { type RecordedLog, recordedLog } from '../session/recorded-log.ts';
import { type Connected, connect, TestHost } from '../session/test-host.ts';

export interface SyncFlags {
  dryRun?: boolean;
  checksum?: boolean;
  scrubDays?: number;
  clock?: Clock;
  /** What the test does to the connection before the run begins. */
  before?: (connected: Connected) => void;
}

/** Two archive hosts in this process, over real directories and the real protocol. */
export class TwoHosts {
  readonly arch1: TestHost;
  readonly arch2: TestHost;
  readonly recorded: RecordedLog = recordedLog();

  private constructor(arch1: TestHost, arch2: TestHost) {
    this.arch1 = arch1;
    this.arch2 = arch2;
  }

  static async open(clock: Clock = systemClock): Promise<TwoHosts> {
    const rights: ['sync'] = ['sync'];
    return new TwoHosts(await TestHost.open({ rights, clock }), await TestHost.open({ rights, clock }));
  }

  get both(): [TestHost, TestHost] {
    return [this.arch1, this.arch2];
  }

  peerOf(host: TestHost): TestHost {
    return host === this.arch1 ? this.arch2 : this.arch1;
  }

  debts(host: TestHost): Debts {
    return new Debts(host.directory, host === this.arch1 ? 'arch2' : 'arch1');
  }

  /** Runs wal-sync on a host. */
  async sync(on: TestHost = this.arch1, flags: SyncFlags = {}): Promise<SyncReport> {
    const { dryRun = false, checksum = false, scrubDays = 7, clock = systemClock } = flags;
    const peer = this.peerOf(on);
    const connected = await connect(peer, { walDirectory: peer.directory.walDirectory });
    flags.before?.(connected);
    const { session } = connected;
    const report = emptyReport('arch2', dryRun);
    const run: SyncRun = {
      store: on.store,
      session,
      dryRun,
      checksum,
      scrubDays,
      rate: new RateLimit(0, clock),
      clock,
      log: this.recorded.log,
      progress: new Progress(undefined, clock),
      report,
    };
    try {
      await syncArchives(run, readCatalog(on.store, clock.nowMs()));
    } finally {
      session.close();
      await connected.channel.served.catch(() => undefined);
    }
    return report;
  }
}
