import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import type { AgentJournal } from '@archive2/core/agent/agent-journal.ts';
import type { AgentWork } from '@archive2/core/agent/agent-server.ts';
import { type CallPattern, callPattern } from '@archive2/core/agent/call-words.ts';
import type { AgentRequest, AgentVerdict } from '@archive2/core/agent/client.ts';
import type { Clock } from '@archive2/core/base/clock.ts';
import { toFailure } from '@archive2/core/base/failure.ts';
import { formatFailure } from '@archive2/core/base/format-failure.ts';
import { createLog, type Log } from '@archive2/core/base/log.ts';
import { parseCall, settingsStamp } from '@archive2/core/cli/command-call.ts';
import type { HostPool } from '@archive2/core/hosts/host-pool.ts';
import { readSystemIdentifier } from '@archive2/core/postgres/system-identifier-file.ts';
import { parseArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import { type Answer, statusOfFailure } from '../answer.ts';
import { askUntilKnown } from '../ask-until-known.ts';
import { askerIn } from '../asker.ts';
import type { DelayFile } from '../delay/delay-file.ts';
import { type DelayGate, delayGate } from '../delay/delay-gate.ts';
import { streamingPastDelay } from '../delay/streaming-past-delay.ts';
import { localSource } from '../fetch/local-source.ts';
import { openPool } from '../fetch/open-pool.ts';
import { commandSpec, type FetchSettings, fetchWords, readFetchSettings } from '../options.ts';
import { Prefetcher } from '../prefetch/prefetcher.ts';
import { SegmentBuffer } from '../prefetch/segment-buffer.ts';
import { PlaceFailure } from '../receive/place-failure.ts';
import { ReceivingThreads } from '../receive/receiving-threads.ts';
import { type BufferFacts, GetJournal } from './get-journal.ts';
import { pinHolder, WalPin } from './wal-pin.ts';

export interface GetAgentOptions {
  /** Where buffers are unless a call names another place; each data directory's agent has its own below it. */
  bufferDirectory: string;
  stateDirectory: string;
  delayFile: DelayFile;
  journal: AgentJournal;
  clock: Clock;
  log: Log;
}

/** What works for one command line of restore_cmd. */
interface Lane {
  pattern: CallPattern;
  /** Of the settings file, when it was read. */
  stamp: string;
  settings: FetchSettings;
  pool: HostPool;
  buffer: SegmentBuffer;
  prefetcher: Prefetcher;
  /** Of a command line with a delay. */
  gate: DelayGate | undefined;
}

/** Beyond the time for which recovery asks again: two hosts' timeouts and a transfer. */
const extraDeadlineMs = 60_000;
const longestDeadlineMs = 7 * 86_400_000;

/**
 * The work of the agent behind restore_cmd: hands out what was fetched ahead, and fetches on. One command line at a time: another one
 * ends what was fetched for the one before, as that may have come from elsewhere.
 */
export class GetAgent implements AgentWork {
  private readonly options: GetAgentOptions;
  private readonly journal: GetJournal;
  private readonly threads: ReceivingThreads;
  private lane: Lane | undefined;
  private segmentBytes = 0;
  private opening: Promise<unknown> = Promise.resolve();
  private delivered = 0;
  private callsUnderWay = 0;
  private hasWarnedOfStreaming = false;
  private hasWarnedOfPlace = false;
  private readonly stopped = new AbortController();

  constructor(options: GetAgentOptions) {
    this.options = options;
    this.threads = ReceivingThreads.of(options.log);
    this.journal = new GetJournal(options.journal, options.clock, () => this.bufferFacts());
  }

  async deadlineMs(request: AgentRequest): Promise<number> {
    const { settings } = (await this.laneOf(request)).lane;
    if (settings.onUnavailable === 'retry') return longestDeadlineMs;
    return settings.unavailableTimeoutMs + extraDeadlineMs;
  }

  /** Looks at the data directory with each call: whether it recovers, or stands by, may change between two. */
  async call(request: AgentRequest, gone: AbortSignal): Promise<AgentVerdict> {
    const { workingDirectory } = request;
    const asker = askerIn(workingDirectory);
    const lines: string[] = [];
    const log = createLog((line) => lines.push(line));
    this.callsUnderWay += 1;
    try {
      const { lane, name } = await this.laneOf(request);
      const file = parseArchiveFileName(name);
      const gate = asker === 'standby' ? lane.gate : undefined;
      if (gate !== undefined) this.warnOfStreaming(workingDirectory, log);
      const onUnknown = (answer: Answer & { kind: 'unknown' }) => this.journal.sawUnknown(file.name, answer, asker);
      const question = { file, asker, dataDirectory: workingDirectory, settings: lane.settings, gate, onUnknown };
      let wasReady = false;
      const ask = async () => {
        const obtained = await lane.prefetcher.obtain(file, asker !== 'standby');
        const { answer, held, placeFailure } = obtained;
        if (placeFailure !== undefined) throw placeFailure;
        wasReady = obtained.wasReady === true;
        return held === undefined ? { answer } : { answer, modifiedMs: held.modifiedMs };
      };
      const over = AbortSignal.any([gone, this.stopped.signal]);
      const known = await askUntilKnown(question, ask, this.options.clock, log, over);
      const { status } = known;
      const stderr = lines.length === 0 ? {} : { stderr: `${lines.join('\n')}\n` };
      if (known.status !== 0) {
        this.count(known.answer, file.name);
        return { status, ...stderr };
      }
      // Nobody would rename it: it stays for the next call.
      if (gone.aborted) return { status: statusOfFailure(asker) };
      const handedOut = lane.prefetcher.handOut(file);
      // Dropped between the answer and now, by another command line: PostgreSQL asks again, or this does.
      if (handedOut === undefined) return { status: statusOfFailure(asker), ...stderr };
      this.delivered += 1;
      this.journal.delivered(wasReady, asker);
      this.hasWarnedOfPlace = false;
      return { status: 0, deliver: handedOut.path, ...stderr };
    } catch (error) {
      const status = statusOfFailure(asker);
      if (error instanceof PlaceFailure) return this.withoutPlace(error, status);
      const failure = toFailure(error);
      this.journal.failed(failure);
      return { status, stderr: formatFailure(failure) };
    } finally {
      this.callsUnderWay -= 1;
    }
  }

  isBusy(): boolean {
    return this.callsUnderWay > 0 || (this.lane?.prefetcher.filesUnderWay ?? 0) > 0;
  }

  describe(): Record<string, string | number> {
    return {
      delivered: this.delivered,
      held: this.lane?.buffer.names().size ?? 0,
      underWay: this.lane?.prefetcher.filesUnderWay ?? 0,
      cooling: this.lane?.pool.coolingHosts().join(',') || 'none',
    };
  }

  stop(): void {
    this.stopped.abort();
    this.endLane();
    this.threads.stop();
  }

  private async laneOf(request: AgentRequest): Promise<{ lane: Lane; name: string }> {
    const opening = this.opening.then(() => this.knownLane(request) ?? this.openLane(request));
    this.opening = opening.catch(() => undefined);
    return await opening;
  }

  private knownLane(request: AgentRequest): { lane: Lane; name: string } | undefined {
    const [name] = this.lane?.pattern.match(request) ?? [];
    return this.lane === undefined || this.lane.stamp !== settingsStamp(commandSpec) || name === undefined
      ? undefined
      : { lane: this.lane, name };
  }

  private async openLane(request: AgentRequest): Promise<{ lane: Lane; name: string }> {
    const { stateDirectory, clock, log } = this.options;
    // Beside the connecting.
    this.threads.start();
    const stamp = settingsStamp(commandSpec);
    const { words, options } = await parseCall(commandSpec, request.args, request.environment);
    const { hostList, walDirectory, name, path, delaySeconds } = fetchWords(words);
    const settings = readFetchSettings(hostList, walDirectory, delaySeconds, options, request.environment);
    this.endLane();
    const buffer = await SegmentBuffer.open(this.bufferPath(settings, request.workingDirectory));
    const pool = await openPool(settings, { stateDirectory, watcher: this.journal.hosts, clock, log });
    this.journal.serves(settings.cluster, settings.hosts);
    const { workingDirectory } = request;
    const holder = pinHolder(hostname(), workingDirectory);
    const pin = new WalPin({ pool, hosts: settings.hosts, holder, dataDirectory: workingDirectory, clock, log });
    const prefetcher = new Prefetcher({
      sources: { local: () => localSource(settings, request.workingDirectory), pool },
      buffer,
      receive: this.threads.receive,
      bounds: { segments: settings.prefetchSegments, sizeBytes: settings.prefetchBytes },
      systemIdentifier: () => readSystemIdentifier(request.workingDirectory),
      onAsked: (asked, size) => {
        this.segmentBytes = size;
        pin.asked(asked, size);
      },
      onFetched: (host) => this.journal.fetched(host),
      onDamaged: (host, damaged, reason) => this.journal.copyDamaged(host, damaged, reason),
      clock,
      log,
    });
    const gate = await this.gateOf(settings.delayMs, request.workingDirectory);
    this.lane = { pattern: callPattern(request, [name, path]), stamp, settings, pool, buffer, prefetcher, gate };
    return { lane: this.lane, name };
  }

  /** The buffer has no room: where PostgreSQL wants the file there may be some. */
  private withoutPlace(failure: PlaceFailure, status: number): AgentVerdict {
    const { log } = this.options;
    this.journal.withoutPlace(failure);
    if (!this.hasWarnedOfPlace)
      log.warning('no place in the buffer, calls fetch by themselves', { reason: failure.message });
    this.hasWarnedOfPlace = true;
    return { status, unable: true };
  }

  /** Once in an agent's life, where an operator reads it. */
  private warnOfStreaming(dataDirectory: string, log: Log): void {
    if (this.hasWarnedOfStreaming) return;
    this.hasWarnedOfStreaming = true;
    const warning = streamingPastDelay(dataDirectory);
    if (warning === undefined) return;
    for (const each of [log, this.options.log]) each.warning(warning, { dataDirectory });
  }

  private async gateOf(delayMs: number, dataDirectory: string): Promise<DelayGate | undefined> {
    const { delayFile, clock, log } = this.options;
    if (delayMs > 0) return delayGate({ file: delayFile, delayMs, dataDirectory, clock, log });
    await delayFile.remove();
    return undefined;
  }

  private count(answer: Answer, name: string): void {
    if (answer.kind === 'unknown') this.journal.unknown(name, answer.reason);
    else this.journal.absent();
  }

  /** Segments are what is fetched ahead, and all of them are of one size. */
  private bufferFacts(): BufferFacts {
    const bufferFiles = this.lane?.buffer.names().size ?? 0;
    const delayMs = this.lane?.settings.delayMs ?? 0;
    const applyDelaySeconds = delayMs > 0 ? delayMs / 1000 : undefined;
    return { bufferFiles, bufferBytes: bufferFiles * this.segmentBytes, applyDelaySeconds };
  }

  private bufferPath(settings: FetchSettings, workingDirectory: string): string {
    const { bufferDirectory } = settings;
    if (bufferDirectory === undefined) return this.options.bufferDirectory;
    // Two data directories may be told the same place.
    const own = this.options.bufferDirectory.slice(this.options.bufferDirectory.lastIndexOf('/') + 1);
    return join(resolve(workingDirectory, bufferDirectory), own);
  }

  private endLane(): void {
    this.lane?.prefetcher.stop();
    this.lane?.pool.stop();
    this.lane?.buffer.clear();
    this.lane = undefined;
  }
}
