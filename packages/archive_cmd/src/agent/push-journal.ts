import type { AgentJournal } from '@archive2/core/agent/agent-journal.ts';
import { type PushMetrics, pushSecondsBounds } from '@archive2/core/agent/agent-metrics.ts';
import type { Clock } from '@archive2/core/base/clock.ts';
import type { Failure } from '@archive2/core/base/failure.ts';
import { FailureStreak } from '@archive2/core/base/failure-streak.ts';
import { HistogramCounter } from '@archive2/core/base/histogram.ts';
import type { HostSpec } from '@archive2/core/hosts/host-spec.ts';
import type { HostWatcher } from '@archive2/core/hosts/host-watcher.ts';
import type { BackfillReport } from '../backfill/backfill.ts';
import type { ShipWatcher } from '../ship/ship-watcher.ts';
import { BacklogWatch } from './backlog-watch.ts';
import { ServingHost } from './serving-host.ts';

/** What archive_cmd's agent counts and tells. All of it in memory: what is written is written beside the work. */
export class PushJournal {
  private readonly journal: AgentJournal;
  private readonly clock: Clock;
  private readonly underWay: () => number;
  private readonly streak = new FailureStreak();
  private readonly backlog = new BacklogWatch();
  private readonly seconds: HistogramCounter;
  private ready: number | undefined;
  private readyAtMs: number | undefined;
  private shippedCount: number;
  private failedCount: number;
  private failedCalls: number;
  private retries: number;
  private bytes: number;

  /** `underWay` says how many files are on their way when it is asked. */
  constructor(journal: AgentJournal, clock: Clock, underWay: () => number) {
    this.journal = journal;
    this.clock = clock;
    this.underWay = underWay;
    const earlier = journal.earlier?.push;
    this.seconds = new HistogramCounter(pushSecondsBounds, earlier?.seconds);
    this.shippedCount = earlier?.shipped ?? 0;
    this.failedCount = earlier?.failed ?? 0;
    this.failedCalls = earlier?.failedCalls ?? 0;
    this.retries = earlier?.retries ?? 0;
    this.bytes = earlier?.bytes ?? 0;
    journal.counts(() => ({ push: this.metrics(), get: undefined }));
  }

  get hosts(): HostWatcher {
    return this.journal;
  }

  /** For the files of one command line. */
  watcherFor(cluster: string | undefined, hosts: readonly HostSpec[]): ShipWatcher {
    this.journal.serves(cluster, hosts);
    const [preferred] = hosts;
    const serving = new ServingHost(preferred?.text ?? '');
    return {
      ready: (count) => this.sawReady(count),
      confirmed: (host, { peerState }, { isFirst, begunMs }) => {
        this.journal.hostServed(host, { isDebt: peerState === 'debt' });
        const before = isFirst ? serving.confirmed(host.text, begunMs, this.clock.monotonicMs()) : undefined;
        if (before !== undefined) this.tellSwitch(before, host.text, preferred?.text);
      },
      retried: () => {
        this.retries += 1;
      },
      shipped: (sizeBytes, tookMs) => {
        this.shippedCount += 1;
        this.bytes += sizeBytes;
        this.seconds.observe(tookMs / 1000);
        this.journal.changed();
      },
      failed: () => {
        this.failedCount += 1;
        this.journal.changed();
      },
    };
  }

  callSucceeded(name: string): void {
    const ended = this.streak.succeeded(this.clock.monotonicMs());
    if (ended !== undefined) {
      const { failures, forMs } = ended;
      this.journal.events.note({
        event: 'archiving-resumed',
        name,
        failedCalls: failures,
        forSeconds: Math.round(forMs / 1000),
      });
    }
    this.journal.callSucceeded();
  }

  callFailed({ code, message }: Failure, name: string | undefined): void {
    this.failedCalls += 1;
    if (this.streak.failed(code, this.clock.monotonicMs())) {
      this.journal.events.note({ event: 'archiving-failed', name, code, reason: message });
    }
    this.journal.callFailed(code, message, name);
  }

  backfilled(history: string, { confirmed, failed }: BackfillReport): void {
    this.journal.events.note({ event: failed > 0 ? 'backfill-failed' : 'backfilled', history, confirmed, failed });
  }

  backfillFailed(history: string, reason: string): void {
    this.journal.events.note({ event: 'backfill-failed', history, reason });
  }

  private sawReady(count: number): void {
    this.ready = count;
    this.readyAtMs = this.clock.nowMs();
    const change = this.backlog.saw(count, this.clock.monotonicMs());
    if (change === undefined) return;
    if ('began' in change) this.journal.events.note({ event: 'backlog-began', ready: count });
    else {
      const { most, forMs } = change;
      this.journal.events.note({ event: 'backlog-ended', ready: count, most, forSeconds: Math.round(forMs / 1000) });
    }
  }

  private tellSwitch(from: string, to: string, preferred: string | undefined): void {
    const severity = to === preferred ? 'info' : 'warning';
    this.journal.events.note({ event: 'host-switched', severity, from, to });
  }

  private metrics(): PushMetrics {
    return {
      ready: this.ready,
      readyAtMs: this.readyAtMs,
      underWay: this.underWay(),
      shipped: this.shippedCount,
      failed: this.failedCount,
      failedCalls: this.failedCalls,
      retries: this.retries,
      bytes: this.bytes,
      seconds: this.seconds.value,
    };
  }
}
