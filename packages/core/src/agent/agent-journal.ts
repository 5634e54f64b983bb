import type { Clock } from '../base/clock.ts';
import { toFailure } from '../base/failure.ts';
import type { Log } from '../base/log.ts';
import { ownIdentity } from '../base/process-identity.ts';
import { EventLog } from '../files/event-log.ts';
import { removeStaleParts } from '../files/stale-parts.ts';
import type { HostSpec } from '../hosts/host-spec.ts';
import type { HostTrouble, HostWatcher } from '../hosts/host-watcher.ts';
import type { AgentAddress } from './agent-address.ts';
import type { AgentFailure, AgentHostMetrics, AgentMetrics } from './agent-metrics.ts';
import { AgentMetricsFile, readEarlierMetrics } from './agent-metrics-file.ts';

export interface AgentJournalOptions {
  address: AgentAddress;
  stateDirectory: string;
  dataDirectory: string;
  /** The agent's release. */
  program: string;
  clock: Clock;
  log: Log;
}

type Counted = { -readonly [field in keyof AgentHostMetrics]: AgentHostMetrics[field] };
/** What an agent of one role counts by itself. */
export type OwnMetrics = Pick<AgentMetrics, 'push' | 'get'>;

/** The name that an agent's log of events has in the state directory; all agents of a user share it. */
export function serverEventsFile(stateDirectory: string): string {
  return `${stateDirectory}/events.jsonl`;
}

/** What an agent tells of its life and of its hosts: events, and counters in a file. Both are written beside the work. */
export class AgentJournal implements HostWatcher {
  readonly events: EventLog;
  /** What was counted before this agent; it counts on from there. */
  readonly earlier: AgentMetrics | undefined;
  private readonly options: AgentJournalOptions;
  private readonly file: AgentMetricsFile;
  private readonly startedMs: number;
  private readonly process = ownIdentity();
  private readonly hosts = new Map<string, Counted>();
  private lastSuccessMs: number | undefined;
  private lastFailure: AgentFailure | undefined;
  private collectOwn: () => OwnMetrics = () => ({ push: undefined, get: undefined });

  constructor(options: AgentJournalOptions) {
    const { address, stateDirectory, clock, log } = options;
    this.options = options;
    this.startedMs = clock.nowMs();
    this.earlier = readEarlierMetrics(address.metricsPath);
    this.lastSuccessMs = this.earlier?.lastSuccessMs;
    this.lastFailure = this.earlier?.lastFailure;
    for (const host of this.earlier?.hosts ?? []) this.hosts.set(host.host, { ...host });
    this.events = new EventLog({
      path: serverEventsFile(stateDirectory),
      cluster: this.earlier?.cluster,
      clock,
      log,
    });
    const collect = (endedMs: number | undefined) => this.collect(endedMs);
    this.file = new AgentMetricsFile({ path: address.metricsPath, collect, clock, log });
  }

  /** What the agent of a role counts besides. */
  counts(collectOwn: () => OwnMetrics): void {
    this.collectOwn = collectOwn;
  }

  /** A command line is served: what follows is of its cluster. */
  serves(cluster: string | undefined, hosts: readonly HostSpec[]): void {
    if (cluster !== undefined) this.events.cluster = cluster;
    for (const host of hosts) this.host(host);
  }

  began(): void {
    const { address, program } = this.options;
    this.events.note({ event: 'agent-started', role: address.role, program, pid: this.process.pid });
    this.file.changed();
    this.tidyUp().catch((error: unknown) => {
      this.options.log.debug('not tidied up', { reason: toFailure(error).message });
    });
  }

  /** To be called while the agent still has its lock: the next one counts on from what is written here. */
  ends(reason: string): void {
    const { address } = this.options;
    this.events.note({ event: 'agent-ended', role: address.role, reason, pid: this.process.pid });
    this.file.end();
  }

  /** Something was counted. */
  changed(): void {
    this.file.changed();
  }

  callSucceeded(): void {
    this.lastSuccessMs = this.options.clock.nowMs();
    this.file.changed();
  }

  callFailed(code: string, message: string, name: string | undefined): void {
    this.lastFailure = { atMs: this.options.clock.nowMs(), code, message, name };
    this.file.changed();
  }

  /** A host confirmed or delivered a file. */
  hostServed(host: HostSpec, { isDebt }: { isDebt: boolean }): void {
    const counted = this.host(host);
    counted.files += 1;
    if (isDebt) counted.debts += 1;
    counted.lastSuccessMs = this.options.clock.nowMs();
    this.file.changed();
  }

  hostFailed(host: HostSpec, { reason, isFirst, beginsCooldown, coolingUntilMs }: HostTrouble): void {
    const counted = this.host(host);
    counted.failures += 1;
    counted.lastFailureMs = this.options.clock.nowMs();
    counted.lastFailure = reason;
    counted.coolingUntilMs = coolingUntilMs;
    const facts = { role: this.options.address.role, host: host.text, reason };
    if (isFirst) this.events.note({ event: 'host-failed', ...facts });
    if (beginsCooldown) this.events.note({ event: 'cooldown-began', ...facts });
    this.file.changed();
  }

  hostWorks(host: HostSpec, { wasCooling, forMs }: { wasCooling: boolean; forMs: number }): void {
    this.host(host).coolingUntilMs = undefined;
    const facts = { role: this.options.address.role, host: host.text, forSeconds: Math.round(forMs / 1000) };
    if (wasCooling) this.events.note({ event: 'cooldown-ended', ...facts });
    this.events.note({ event: 'host-back', ...facts });
    this.file.changed();
  }

  /** What agents that were killed have left half written. */
  private async tidyUp(): Promise<void> {
    const { stateDirectory, clock } = this.options;
    await removeStaleParts(stateDirectory, clock.nowMs());
  }

  private host({ text }: HostSpec): Counted {
    const known = this.hosts.get(text);
    if (known !== undefined) return known;
    const counted: Counted = {
      host: text,
      files: 0,
      debts: 0,
      failures: 0,
      lastSuccessMs: undefined,
      lastFailureMs: undefined,
      lastFailure: undefined,
      coolingUntilMs: undefined,
    };
    this.hosts.set(text, counted);
    return counted;
  }

  private collect(endedMs: number | undefined): AgentMetrics {
    const { address, dataDirectory, program, clock } = this.options;
    return {
      role: address.role,
      program,
      dataDirectory,
      cluster: this.events.cluster,
      process: this.process,
      startedMs: this.startedMs,
      writtenMs: clock.nowMs(),
      endedMs,
      countingSinceMs: this.earlier?.countingSinceMs ?? this.startedMs,
      lastSuccessMs: this.lastSuccessMs,
      lastFailure: this.lastFailure,
      // Those of command lines that nobody uses any more go first.
      hosts: [...this.hosts.values()].slice(-maxHosts),
      ...this.collectOwn(),
    };
  }
}

const maxHosts = 16;
