import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { Failure, toFailure } from '../base/failure.ts';
import type { Log } from '../base/log.ts';
import { BodyBuffers } from '../protocol/body-buffers.ts';
import { decodeMessage } from '../protocol/fields.ts';
import { type Frame, readFrames } from '../protocol/frame.ts';
import {
  type ClientMessage,
  type ClientMessageOf,
  failureOfMessage,
  protocolVersion,
  type ServerMessage,
  type ServerMessageOf,
  serverMessages,
} from '../protocol/messages.ts';
import { afterPreamble } from '../protocol/preamble.ts';
import { FrameWriter } from './frame-writer.ts';
import { relayLines } from './remote-log.ts';
import type { SessionChannel } from './session-channel.ts';

export interface SessionOptions {
  cluster: string;
  walDirectory: string;
  /** The other archive host, for a host that has no configured peer. */
  peerHint?: string;
  /** This program's version, for the host's log. */
  program: string;
  /** How long the host may take to say hello. */
  helloTimeoutMs: number;
  /** How long the host may say nothing while it owes an answer and nothing moves between it and us. */
  stallTimeoutMs: number;
  /** Long bodies of answers lie in memory that other threads can look at, too. */
  sharesBodies?: boolean;
  clock: Clock;
  log: Log;
}

export type Answer = Exclude<ServerMessage, { type: 'hello' | 'progress' | 'error' }>;

/** Answers to one request: messages in order, then `fail` at most once. */
export interface Conversation {
  /** True while the host owes nothing, because it waits for something that we have not sent yet. */
  readonly awaitsUs?: boolean;
  /** While the promise is pending, nothing more is read from the session: how a slow consumer slows the host. */
  receive(message: Answer, body: Buffer): void | Promise<void>;
  fail(failure: Failure): void;
}

/**
 * The client's side of a session with one archive host. Any number of requests may be under way. When the connection
 * ends or stalls, every one of them fails with the reason and `closed` resolves with it; the session is then useless.
 */
export class ArchiveSession {
  readonly host: string;
  readonly hello: ServerMessageOf<'hello'>;
  readonly closed: Promise<Failure>;
  private readonly channel: SessionChannel;
  private readonly options: SessionOptions;
  private readonly writer: FrameWriter;
  private readonly bodies: BodyBuffers;
  private readonly conversations = new Map<number, Conversation>();
  private lastId = 0;
  private lastHeardMs: number;
  /** True while a conversation keeps us from reading: what the host says then is not heard yet. */
  private isKeptFromReading = false;
  private watchdog: ReturnType<typeof setInterval> | undefined;
  private ended: Failure | undefined;
  private announceEnd: (failure: Failure) => void = () => undefined;

  private constructor(
    channel: SessionChannel,
    options: SessionOptions,
    writer: FrameWriter,
    hello: ServerMessageOf<'hello'>,
    bodies: BodyBuffers,
  ) {
    this.bodies = bodies;
    this.channel = channel;
    this.host = channel.host;
    this.options = options;
    this.writer = writer;
    this.hello = hello;
    this.lastHeardMs = options.clock.monotonicMs();
    this.closed = new Promise((resolve) => {
      this.announceEnd = resolve;
    });
  }

  /**
   * Says hello and checks what the host says: same protocol version, same cluster, same WAL directory. Throws the Failure
   * that explains what is wrong; the channel is then closed.
   */
  static async open(channel: SessionChannel, options: SessionOptions): Promise<ArchiveSession> {
    const writer = new FrameWriter(channel.stream);
    // Errors of the stream end the reading of frames, which reports them; without a listener they would be uncaught.
    channel.stream.on('error', () => undefined);
    if (channel.stderr !== undefined) relayLines(channel.stderr, channel.host, options.log);
    let session: ArchiveSession | undefined;
    const heard = (piece: Buffer): void => {
      if (piece.length > 0 && session !== undefined) session.lastHeardMs = options.clock.monotonicMs();
    };
    const bytes = afterPreamble(listening(channel.stream, heard), (noise) =>
      options.log.warning('the login shell prints before the session', { host: channel.host, noise }),
    );
    const bodies = new BodyBuffers({ isShared: options.sharesBodies });
    const frames = readFrames(bytes, (sizeBytes) => bodies.take(sizeBytes));
    writer.send({
      type: 'hello',
      version: protocolVersion,
      program: options.program,
      cluster: options.cluster,
      walDirectory: options.walDirectory,
      ...(options.peerHint === undefined ? {} : { peerHint: options.peerHint }),
    });
    try {
      const hello = await withDeadline(
        readHello(frames, channel.host),
        options.helloTimeoutMs,
        () =>
          new Failure('host_stalled', `${channel.host} did not start a session within ${options.helloTimeoutMs} ms`),
      );
      checkHello(hello, options, channel.host);
      session = new ArchiveSession(channel, options, writer, hello, bodies);
    } catch (error) {
      channel.close();
      throw atHost(toFailure(error), channel.host);
    }
    const opened = session;
    opened.readAll(frames).then(
      () => opened.end(new Failure('host_unreachable', `${channel.host} ended the session`)),
      (error: unknown) => opened.end(connectionFailure(error, channel.host)),
    );
    return opened;
  }

  get isOpen(): boolean {
    return this.ended === undefined;
  }

  /** Begins a request; its first frame leaves in the order of these calls. Throws when the session has ended. */
  begin(conversation: Conversation): number {
    if (this.ended !== undefined) throw this.ended;
    this.lastId += 1;
    if (this.conversations.size === 0) this.startWatchdog();
    this.conversations.set(this.lastId, conversation);
    return this.lastId;
  }

  /** Ends a request: later messages for it are dropped. */
  finish(id: number): void {
    this.conversations.delete(id);
    if (this.conversations.size === 0) this.stopWatchdog();
  }

  /** The body may lie in several buffers. */
  send(header: ClientMessageOf<Exclude<ClientMessage['type'], 'hello'>>, ...body: readonly Buffer[]): void {
    this.writer.send(header, ...body);
  }

  /** Takes back a body that a conversation received and nobody looks at any more: another one may lie in it. */
  giveBack(body: Buffer): void {
    this.bodies.give(body);
  }

  waitForRoom(): Promise<void> {
    return this.writer.waitForRoom();
  }

  /** Calls back once all that was sent so far was written, and its buffers are nobody's; never when the session breaks off before. */
  whenWritten(tell: () => void): void {
    this.writer.whenWritten(tell);
  }

  close(): void {
    this.end(new Failure('host_unreachable', `the session with ${this.host} was closed`));
  }

  private async readAll(frames: AsyncGenerator<Frame>): Promise<void> {
    for await (const frame of frames) {
      const message = decodeMessage(serverMessages, frame.header);
      if (message.type === 'progress' || message.type === 'hello') continue;
      if (message.type === 'error' && message.id === undefined) throw failureOfMessage(message, this.host);
      const conversation = this.conversations.get(message.id ?? -1);
      if (message.type === 'error') conversation?.fail(failureOfMessage(message, this.host));
      else await this.deliver(conversation, message, frame.body);
    }
  }

  private async deliver(conversation: Conversation | undefined, message: Answer, body: Buffer): Promise<void> {
    const taken = conversation?.receive(message, body);
    if (taken === undefined) return;
    this.isKeptFromReading = true;
    await taken;
    this.isKeptFromReading = false;
  }

  private startWatchdog(): void {
    const { clock, stallTimeoutMs } = this.options;
    this.lastHeardMs = clock.monotonicMs();
    this.watchdog = setInterval(
      () => {
        const owesNothing = [...this.conversations.values()].every(({ awaitsUs }) => awaitsUs);
        if (this.isKeptFromReading || owesNothing) this.lastHeardMs = clock.monotonicMs();
        // What a slow link brings is whole only after seconds; until then the host has nothing to say.
        const movedAtMs = Math.max(this.lastHeardMs, this.channel.transferredAtMs?.() ?? 0);
        if (clock.monotonicMs() - movedAtMs < stallTimeoutMs) return;
        this.end(new Failure('host_stalled', `${this.host} said nothing for ${stallTimeoutMs} ms`));
      },
      Math.max(10, Math.min(250, stallTimeoutMs / 4)),
    );
  }

  private stopWatchdog(): void {
    clearInterval(this.watchdog);
    this.watchdog = undefined;
  }

  private end(failure: Failure): void {
    if (this.ended !== undefined) return;
    this.ended = failure;
    this.stopWatchdog();
    this.channel.close();
    const conversations = [...this.conversations.values()];
    this.conversations.clear();
    for (const conversation of conversations) conversation.fail(failure);
    this.announceEnd(failure);
  }
}

async function* listening(stream: AsyncIterable<Buffer>, heard: (piece: Buffer) => void): AsyncGenerator<Buffer> {
  for await (const piece of stream) {
    heard(piece);
    yield piece;
  }
}

async function readHello(frames: AsyncGenerator<Frame>, host: string): Promise<ServerMessageOf<'hello'>> {
  // Not `for await`: leaving that loop would end the generator that the session goes on reading.
  const first = await frames.next();
  if (first.done) throw new Failure('protocol', `${host} ended the session without a hello`);
  const message = decodeMessage(serverMessages, first.value.header);
  if (message.type === 'error') throw failureOfMessage(message, host);
  if (message.type !== 'hello') throw new Failure('protocol', `${host} began with ${message.type}, not hello`);
  return message;
}

function checkHello(hello: ServerMessageOf<'hello'>, options: SessionOptions, host: string): void {
  if (hello.version !== protocolVersion) {
    throw new Failure('protocol', `${host} speaks version ${hello.version}, this program ${protocolVersion}`, {
      hint: 'Install the same release of Archive 2 on both sides.',
    });
  }
  if (hello.cluster !== options.cluster) {
    throw new Failure('wrong_cluster', `${host} serves cluster ${hello.cluster}, not ${options.cluster}`, {
      hint: 'Check CLUSTER in the command, and --cluster in the authorized_keys line on the host.',
    });
  }
  if (hello.walDirectory !== options.walDirectory) {
    throw new Failure('wrong_directory', `${host} serves ${hello.walDirectory}, not ${options.walDirectory}`, {
      hint: 'Name the directory that the host serves, or change --dir in its authorized_keys line.',
    });
  }
}

function connectionFailure(error: unknown, host: string): Failure {
  if (error instanceof Failure) return atHost(error, host);
  const reason = error instanceof Error ? error.message : String(error);
  return new Failure('host_unreachable', `the connection to ${host} broke: ${reason}`, { cause: error });
}

/** The same failure, with the host among its details. */
function atHost(failure: Failure, host: string): Failure {
  if (failure.details.host !== undefined) return failure;
  return new Failure(failure.code, failure.message, {
    ...(failure.hint === undefined ? {} : { hint: failure.hint }),
    cause: failure.cause ?? failure,
    details: { ...failure.details, host },
  });
}
