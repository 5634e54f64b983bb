import { dirname, resolve } from 'node:path';
import { dataDirectoryId } from '@archive2/core/agent/agent-address.ts';
import type { AgentJournal } from '@archive2/core/agent/agent-journal.ts';
import type { AgentWork } from '@archive2/core/agent/agent-server.ts';
import type { AgentRequest, AgentVerdict } from '@archive2/core/agent/client.ts';
import type { Clock } from '@archive2/core/base/clock.ts';
import { withDeadline } from '@archive2/core/base/deadline.ts';
import { Failure, toFailure } from '@archive2/core/base/failure.ts';
import { formatFailure } from '@archive2/core/base/format-failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import { type HistoryFile, parseArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import { backfill } from '../backfill/backfill.ts';
import { openShipper, readBufferCount } from '../ship/open-shipper.ts';
import { ReadAhead } from '../ship/read-ahead.ts';
import { ReadBuffers } from '../ship/read-buffers.ts';
import type { Shipper } from '../ship/shipper.ts';
import { PushJournal } from './push-journal.ts';
import { type CallFile, ShipCall } from './ship-call.ts';

export interface PushAgentOptions {
  dataDirectoryId: string;
  stateDirectory: string;
  journal: AgentJournal;
  clock: Clock;
  log: Log;
}

/** What works for one command line. Another host list, directory or number of copies is another lane. */
interface Lane {
  call: ShipCall;
  shipper: Shipper;
  readAhead: ReadAhead;
}

/** More command lines than a server ever has at a time. */
const maxLanes = 8;

/** The work of the agent behind archive_cmd: ships what it is asked for, and what it will be asked for next. */
export class PushAgent implements AgentWork {
  private readonly options: PushAgentOptions;
  private readonly buffers = new ReadBuffers(readBufferCount);
  private readonly lanes: Lane[] = [];
  private readonly journal: PushJournal;
  private opening: Promise<unknown> = Promise.resolve();

  constructor(options: PushAgentOptions) {
    this.options = options;
    const underWay = () => this.lanes.reduce((sum, { shipper }) => sum + shipper.filesUnderWay, 0);
    this.journal = new PushJournal(options.journal, options.clock, underWay);
  }

  async deadlineMs(request: AgentRequest): Promise<number> {
    return (await this.laneOf(request)).lane.call.settings.callDeadlineMs;
  }

  async call(request: AgentRequest): Promise<AgentVerdict> {
    let name: string | undefined;
    try {
      this.checkDataDirectory(request.workingDirectory);
      const { lane, wanted } = this.knownLane(request) ?? (await this.laneOf(request));
      const file = parseArchiveFileName(wanted.name);
      name = file.name;
      const path = resolve(request.workingDirectory, wanted.path);
      const shipping = lane.shipper.ship(path, file);
      lane.readAhead.claimed(path, file.name);
      if (file.kind === 'history') this.backfillAfter(shipping, lane, path, file);
      const { callDeadlineMs } = lane.call.settings;
      // The deadline ends the call; the transfer goes on, and the next call joins it.
      await withDeadline(shipping, callDeadlineMs, () => deadlineFailure(file.name, callDeadlineMs));
      this.journal.callSucceeded(name);
      return { status: 0 };
    } catch (error) {
      const failure = toFailure(error);
      this.options.log.warning('not archived', { code: failure.code, reason: failure.message });
      this.journal.callFailed(failure, name);
      return { status: failure.exit, stderr: formatFailure(failure) };
    }
  }

  isBusy(): boolean {
    return this.lanes.some(({ shipper }) => shipper.filesUnderWay > 0);
  }

  describe(): Record<string, string | number> {
    const [lane] = this.lanes;
    return { lanes: this.lanes.length, ...lane?.shipper.describe() };
  }

  stop(): void {
    for (const lane of this.lanes) stopLane(lane);
  }

  /**
   * After a promotion: what the standby streamed and never archived of the parent timeline would be a hole. It goes on beside the
   * calls, and whatever is missing still can be made up by "archive_cmd backfill".
   */
  private backfillAfter(shipping: Promise<void>, lane: Lane, path: string, history: HistoryFile): void {
    const { log } = this.options;
    shipping
      .then(() => backfill(lane.shipper, dirname(path), history, log))
      .then(
        (report) => {
          log.info('parent timeline backfilled', { history: history.name, ...report });
          this.journal.backfilled(history.name, report);
        },
        (error: unknown) => {
          const reason = toFailure(error).message;
          log.warning('not backfilled', { history: history.name, reason });
          this.journal.backfillFailed(history.name, reason);
        },
      );
  }

  private knownLane(request: AgentRequest): { lane: Lane; wanted: CallFile } | undefined {
    for (const lane of this.lanes) {
      const wanted = lane.call.fileOf(request);
      if (wanted !== undefined) return { lane, wanted };
    }
    return undefined;
  }

  /** The lane for a request, made if need be; one at a time, so that two calls never make the same one twice. */
  private async laneOf(request: AgentRequest): Promise<{ lane: Lane; wanted: CallFile }> {
    const opening = this.opening.then(() => this.knownLane(request) ?? this.openLane(request));
    this.opening = opening.catch(() => undefined);
    return await opening;
  }

  private async openLane(request: AgentRequest): Promise<{ lane: Lane; wanted: CallFile }> {
    const { clock, log, stateDirectory } = this.options;
    const call = await ShipCall.parse(request);
    const wanted = call.fileOf(request);
    if (wanted === undefined) throw new Failure('usage', 'the file of the call cannot be told from its options');
    const shipper = await openShipper(call.settings, {
      stateDirectory,
      buffers: this.buffers,
      hostWatcher: this.journal.hosts,
      watcher: this.journal.watcherFor(call.settings.cluster, call.settings.hosts),
      clock,
      log,
    });
    const lane = { call, shipper, readAhead: new ReadAhead(shipper, call.settings.maxInFlight, log) };
    this.dropOutdated();
    this.lanes.push(lane);
    if (this.lanes.length > maxLanes) {
      const oldest = this.lanes.shift();
      if (oldest !== undefined) stopLane(oldest);
    }
    return { lane, wanted };
  }

  /** Lanes whose settings file changed answer nobody any more. */
  private dropOutdated(): void {
    for (const lane of this.lanes.filter(({ call }) => !call.isCurrent)) {
      this.lanes.splice(this.lanes.indexOf(lane), 1);
      stopLane(lane);
    }
  }

  private checkDataDirectory(workingDirectory: string): void {
    if (dataDirectoryId(workingDirectory) === this.options.dataDirectoryId) return;
    throw new Failure('agent_unavailable', `this agent does not serve ${workingDirectory}`);
  }
}

function stopLane(lane: Lane): void {
  lane.readAhead.stop();
  lane.shipper.stop();
}

function deadlineFailure(name: string, deadlineMs: number): Failure {
  return new Failure('deadline', `${name} is not durable after ${deadlineMs} ms; its transfer goes on`, {
    hint: 'PostgreSQL asks again. For a slow link raise --cmd-timeout.',
  });
}
