import { PassThrough } from 'node:stream';
import { onTestFinished } from 'vitest';
import type { PeerLink } from '../../../packages/archive_remote_cmd/src/serve/peer-link.ts';
import type { ServeContext } from '../../../packages/archive_remote_cmd/src/serve/serve-context.ts';
import { ServeSession } from '../../../packages/archive_remote_cmd/src/serve/serve-session.ts';
import type { ClusterDirectory } from '../../../packages/core/src/archive/cluster-directory.ts';
import type { WalStore } from '../../../packages/core/src/archive/wal-store.ts';
import { type Clock, systemClock } from '../../../packages/core/src/base/clock.ts';
import { Failure } from '../../../packages/core/src/base/failure.ts';
import { silentLog } from '../../../packages/core/src/base/log.ts';
import type { NewEvent } from '../../../packages/core/src/files/event-text.ts';
import { ArchiveSession, type SessionOptions } from '../../../packages/core/src/hosts/archive-session.ts';
import type { PutBody, PutHeader } from '../../../packages/core/src/hosts/put.ts';
import type { SessionChannel } from '../../../packages/core/src/hosts/session-channel.ts';
import type { Right } from '../../../packages/core/src/protocol/messages.ts';
import { clusterDirectory, openStore } from '../archive/test-store.ts';
import type { StoredForm } from '../archive/wal-segment.ts';
import { type RecordedLog, recordedLog } from './recorded-log.ts';
import { type End, streamPair } from './stream-pair.ts';

export interface HostOptions {
  directory?: ClusterDirectory;
  rights?: Right[];
  clock?: Clock;
  peer?: PeerLink;
  peerWaitMs?: number;
  maxAhead?: number;
  cleanup?: Partial<ServeContext['cleanup']>;
}

/** An archive host in this process: the real server's side over real directories, without SSH. */
export class TestHost {
  readonly directory: ClusterDirectory;
  readonly recorded: RecordedLog = recordedLog();
  /** The events that the host told. */
  readonly told: readonly NewEvent[];
  readonly options: HostOptions;
  readonly store: WalStore;
  /** The names in the order in which they became visible. */
  readonly published: string[] = [];

  private constructor(options: HostOptions, store: WalStore, told: readonly NewEvent[]) {
    this.told = told;
    this.options = options;
    this.store = store;
    this.directory = store.directory;
    const note = store.notePublished.bind(store);
    store.notePublished = (file) => {
      this.published.push(file.name);
      return note(file);
    };
  }

  static async open(options: HostOptions = {}): Promise<TestHost> {
    const { clock = systemClock, maxAhead = 65_536 } = options;
    const directory = options.directory ?? clusterDirectory();
    const told: NewEvent[] = [];
    const events = { note: (event: NewEvent) => void told.push(event) };
    return new TestHost(options, await openStore(directory, { clock, maxAhead, events }), told);
  }

  context(): ServeContext {
    const { rights = ['put', 'get'], clock = systemClock, peer, peerWaitMs = 2000 } = this.options;
    return {
      directory: this.directory,
      store: this.store,
      cluster: 'main',
      rights: new Set(rights),
      peer,
      peerOfHint: () => undefined,
      peerWaitMs,
      cleanup: { keepMs: 0, maxRemoveFraction: 0.5, trustPeerBackups: false, ...this.options.cleanup },
      program: '1.0-test',
      clock,
      log: this.recorded.log,
      events: this.store.events,
      activity: this.store.options.activity,
    };
  }

  /** Serves a session; the channel is the client's end of it. */
  serve(): ServedChannel {
    const [near, far] = streamPair();
    // As with stdin and stdout, the end of reading is not the end of writing.
    const input = far.pipe(new PassThrough());
    const served = new ServeSession(this.context(), far).run(input).finally(() => far.end());
    served.catch(() => undefined);
    onTestFinished(() => {
      near.destroy();
      far.destroy();
    });
    return { stream: near, far, served, host: 'arch1', close: () => near.destroy() };
  }
}

export interface ServedChannel extends SessionChannel {
  stream: End;
  far: End;
  /** Settles when the server's side has ended, as its process would. */
  served: Promise<void>;
}

export interface ClientOptions extends Partial<SessionOptions> {
  walDirectory?: string;
}

export function sessionOptions(host: { directory: ClusterDirectory }, options: ClientOptions = {}): SessionOptions {
  return {
    cluster: 'main',
    walDirectory: host.directory.walDirectory,
    program: '1.0-test',
    helloTimeoutMs: 5000,
    stallTimeoutMs: 5000,
    clock: systemClock,
    log: silentLog,
    ...options,
  };
}

export interface Connected {
  session: ArchiveSession;
  channel: ServedChannel;
}

export async function connect(host: TestHost, options: ClientOptions = {}): Promise<Connected> {
  const channel = host.serve();
  return { session: await ArchiveSession.open(channel, sessionOptions(host, options)), channel };
}

export function headerOf(form: StoredForm, more: Partial<PutHeader> = {}): PutHeader {
  return { name: form.file.name, modifiedMs: 1_700_000_000_000, forwarded: false, ...more };
}

export interface CountedBody extends PutBody {
  /** How many bytes were asked for. */
  takenBytes: number;
}

/** The stored form as a body; with a `gate`, its second half only when that opens. */
export function bodyOf(form: StoredForm, gate?: Promise<void>, pieceBytes = 200_000): CountedBody {
  const body: CountedBody = {
    takenBytes: 0,
    async *bursts() {
      for (let at = 0; at < form.stored.length; at += pieceBytes) {
        if (gate !== undefined && at >= form.stored.length / 2) await gate;
        const piece = form.stored.subarray(at, at + pieceBytes);
        body.takenBytes += piece.length;
        yield [piece];
      }
    },
    summary: () => form.summary,
  };
  return body;
}

/** A body whose sender fails in the middle. */
export function brokenBody(form: StoredForm): PutBody {
  return {
    async *bursts() {
      yield [form.stored.subarray(0, form.stored.length / 2)];
      throw new Failure('source_changed', 'the file changed while it was read');
    },
    summary: () => form.summary,
  };
}

export interface Gate {
  passed: Promise<void>;
  open: () => void;
}

export function gate(): Gate {
  let open: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}
