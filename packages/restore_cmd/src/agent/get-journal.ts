import type { AgentJournal } from '@archive2/core/agent/agent-journal.ts';
import type { GetMetrics } from '@archive2/core/agent/agent-metrics.ts';
import type { Clock } from '@archive2/core/base/clock.ts';
import type { Failure } from '@archive2/core/base/failure.ts';
import { FailureStreak } from '@archive2/core/base/failure-streak.ts';
import type { HostSpec } from '@archive2/core/hosts/host-spec.ts';
import type { HostWatcher } from '@archive2/core/hosts/host-watcher.ts';
import type { Answer, Asker } from '../answer.ts';

/** What is in the buffer, and the delay, when somebody looks. */
export type BufferFacts = Pick<GetMetrics, 'bufferFiles' | 'bufferBytes' | 'applyDelaySeconds'>;

/** What restore_cmd's agent counts and tells. All of it in memory: what is written is written beside the work. */
export class GetJournal {
  private readonly journal: AgentJournal;
  private readonly clock: Clock;
  private readonly buffer: () => BufferFacts;
  private readonly streak = new FailureStreak();
  private readonly counted: { -readonly [field in Exclude<keyof GetMetrics, keyof BufferFacts>]: number };

  constructor(journal: AgentJournal, clock: Clock, buffer: () => BufferFacts) {
    this.journal = journal;
    this.clock = clock;
    this.buffer = buffer;
    const earlier = journal.earlier?.get;
    this.counted = {
      delivered: earlier?.delivered ?? 0,
      absent: earlier?.absent ?? 0,
      unknown: earlier?.unknown ?? 0,
      prefetchHits: earlier?.prefetchHits ?? 0,
      prefetchMisses: earlier?.prefetchMisses ?? 0,
      damagedCopies: earlier?.damagedCopies ?? 0,
      callsWithoutPlace: earlier?.callsWithoutPlace ?? 0,
    };
    journal.counts(() => ({ push: undefined, get: { ...this.counted, ...this.buffer() } }));
  }

  get hosts(): HostWatcher {
    return this.journal;
  }

  serves(cluster: string, hosts: readonly HostSpec[]): void {
    this.journal.serves(cluster, hosts);
  }

  fetched(host: HostSpec): void {
    this.journal.hostServed(host, { isDebt: false });
  }

  copyDamaged(host: string, name: string, reason: string): void {
    this.counted.damagedCopies += 1;
    this.journal.events.note({ event: 'copy-damaged', name, host, reason, foundBy: 'restore_cmd' });
    this.journal.changed();
  }

  delivered(wasReady: boolean, asker: Asker): void {
    this.counted.delivered += 1;
    if (wasReady) this.counted.prefetchHits += 1;
    else this.counted.prefetchMisses += 1;
    // To a standby that misses one host files come all the same, and each end of the WAL is as unknown as the one before.
    if (asker !== 'standby') this.knowsAgain();
    this.journal.callSucceeded();
  }

  absent(): void {
    this.counted.absent += 1;
    this.knowsAgain();
    this.journal.callSucceeded();
  }

  /** An answer is not known; the call may go on asking. */
  sawUnknown(name: string, { because, reason }: Answer & { kind: 'unknown' }, asker: Asker): void {
    if (!this.streak.failed(because, this.clock.monotonicMs())) return;
    const severity = asker === 'standby' ? 'warning' : 'error';
    this.journal.events.note({ event: 'answer-unknown', severity, name, because, reason, asker });
  }

  unknown(name: string, reason: string): void {
    this.counted.unknown += 1;
    this.journal.callFailed('unknown_answer', reason, name);
  }

  withoutPlace({ code, message }: Failure): void {
    this.counted.callsWithoutPlace += 1;
    this.journal.callFailed(code, message, undefined);
  }

  failed({ code, message }: Failure): void {
    this.journal.callFailed(code, message, undefined);
  }

  private knowsAgain(): void {
    const ended = this.streak.succeeded(this.clock.monotonicMs());
    if (ended === undefined) return;
    this.journal.events.note({ event: 'answer-known', forSeconds: Math.round(ended.forMs / 1000) });
  }
}
