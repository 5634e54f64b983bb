import type { Readable, Writable } from 'node:stream';
import { PledgeFile } from '@archive2/core/archive/pledge-file.ts';
import { withDeadline } from '@archive2/core/base/deadline.ts';
import { Failure, toFailure } from '@archive2/core/base/failure.ts';
import { toDiskFailure } from '@archive2/core/files/disk-error.ts';
import { FrameWriter } from '@archive2/core/hosts/frame-writer.ts';
import { decodeMessage } from '@archive2/core/protocol/fields.ts';
import { maxBodyBytes, readFrames } from '@archive2/core/protocol/frame.ts';
import {
  type ClientMessage,
  type ClientMessageOf,
  clientMessages,
  errorMessage,
  preamble,
  protocolVersion,
  type ServerMessage,
} from '@archive2/core/protocol/messages.ts';
import { sendCatalog } from './catalog-request.ts';
import { answerView, cleanAsProposed } from './cleanup-request.ts';
import { DigestRequests } from './digest-request.ts';
import { sendEvents } from './events-request.ts';
import { sendBackupFile } from './fetch-request.ts';
import { lookForFile, sendFile } from './get-request.ts';
import { listNewest } from './list-request.ts';
import type { PeerLink } from './peer-link.ts';
import { setPin } from './pin-request.ts';
import { answerPledge, answerUnpledge } from './pledge-request.ts';
import { probe } from './probe-request.ts';
import { PublishOrder } from './publish-order.ts';
import { PutRequest } from './put-request.ts';
import { Refusals } from './refusals.ts';
import { DamageReports } from './repair-request.ts';
import type { ServeContext } from './serve-context.ts';
import { settle } from './settle-request.ts';
import { sendSurvey } from './survey-request.ts';

const helloTimeoutMs = 10_000;
const progressIntervalMs = 1000;
/** A client with more files under way than this has lost count. */
const maxPutsUnderWay = 64;

/**
 * The server's side of a session, from hello to the end of the input. Requests are answered in any order; a request that
 * fails gets an error of its own, and only a broken protocol ends the session.
 */
export class ServeSession {
  private readonly context: ServeContext;
  private readonly output: Writable;
  private readonly writer: FrameWriter;
  private readonly order = new PublishOrder();
  private readonly reports: DamageReports;
  private readonly digests: DigestRequests;
  private readonly refusals: Refusals;
  private readonly puts = new Map<number, PutRequest>();
  private readonly working = new Set<Promise<void>>();
  /** Puts whose bodies are whole, on their way to a verdict. */
  private completing = 0;
  private peer: PeerLink | undefined;
  private receivedBytes = 0;
  private hasGreeted = false;

  constructor(context: ServeContext, output: Writable) {
    this.context = context;
    this.output = output;
    this.reports = new DamageReports(context);
    this.digests = new DigestRequests(context);
    this.refusals = new Refusals(context.events);
    this.writer = new FrameWriter(output);
  }

  /** Serves until the input ends. Throws the Failure that ended the session early, after telling the client. */
  async run(input: Readable): Promise<void> {
    // A client that is gone cannot be told anything; what it asked for is still carried out.
    this.output.on('error', () => undefined);
    this.output.write(preamble);
    // A body is taken before the next frame is read.
    const bodyBuffer = Buffer.allocUnsafeSlow(maxBodyBytes);
    const frames = readFrames(this.counted(input), () => bodyBuffer);
    const stopProgress = this.reportProgress();
    try {
      const first = await withDeadline(frames.next(), helloTimeoutMs, () => {
        return new Failure('protocol', 'no hello came');
      });
      if (first.done) return;
      await this.greet(decodeMessage(clientMessages, first.value.header));
      this.hasGreeted = true;
      for await (const { header, body } of frames) {
        const message = decodeMessage(clientMessages, header);
        // The body of a file is taken before the next frame is read; others are read at leisure.
        await this.handle(message, message.type === 'data' ? body : Buffer.from(body));
      }
    } catch (error) {
      this.send(errorMessage(toFailure(error)));
      throw error;
    } finally {
      for (const put of this.puts.values()) put.cutOff();
      await Promise.allSettled(this.working);
      for (const put of this.puts.values()) await put.release();
      await this.peer?.settled();
      stopProgress();
      this.peer?.close();
    }
  }

  private async greet(message: ClientMessage): Promise<void> {
    const { context } = this;
    if (message.type !== 'hello') throw new Failure('protocol', `the session began with ${message.type}, not hello`);
    const { identity } = context.store;
    const asked = [message.version, message.cluster, message.walDirectory];
    const served = [protocolVersion, context.cluster, context.directory.walDirectory];
    const isMeant = asked.every((value, index) => value === served[index]);
    // An archive on a read-only disk has none to make, and can still be read; a put fails by itself.
    const storeId = isMeant ? await context.store.storeId().catch(() => undefined) : undefined;
    const pledgedWith = isMeant ? await this.pledgedWith() : '';
    this.peer = context.peer ?? (message.peerHint === undefined ? undefined : context.peerOfHint(message.peerHint));
    // The client compares what it asked for with this and explains the difference; nothing it said is used as a path.
    this.send({
      type: 'hello',
      version: protocolVersion,
      program: context.program,
      cluster: context.cluster,
      walDirectory: context.directory.walDirectory,
      rights: [...context.rights],
      looks: true,
      ...(storeId === undefined ? {} : { storeId }),
      pledgedWith,
      ...(this.peer === undefined ? {} : { peer: this.peer.name }),
      ...(identity === undefined
        ? {}
        : {
            systemIdentifier: String(identity.systemIdentifier),
            segmentSizeBytes: identity.segmentSize,
            ...(identity.postgresMajor === undefined ? {} : { postgresMajor: identity.postgresMajor }),
          }),
    });
    if (!isMeant) {
      throw new Failure('protocol', `asked for ${asked.join(' ')}, but this is ${served.join(' ')}`);
    }
  }

  /** A pledge that cannot be read is one that nobody relies on. */
  private async pledgedWith(): Promise<string> {
    const { directory, clock } = this.context;
    const pledge = await new PledgeFile(directory, clock).reliable().catch(() => undefined);
    return pledge?.partner ?? '';
  }

  private async handle(message: ClientMessage, body: Buffer): Promise<void> {
    switch (message.type) {
      case 'hello':
        throw new Failure('protocol', 'a second hello');
      case 'put':
        return await this.beginPut(message);
      case 'data':
        return await this.onPut(message.id, (put) => put.append(body));
      case 'end':
        return this.completePut(message);
      case 'abort':
        return await this.endPut(message.id);
      case 'get':
        return this.work(message.id, () => sendFile(this.context, this.writer, message));
      case 'look':
        return this.work(message.id, async () => this.send(await lookForFile(this.context, message)));
      case 'report':
        return this.work(message.id, async () => this.send(await this.reports.answer(this.peer, message)));
      case 'list':
        return this.work(message.id, async () => this.send(await listNewest(this.context, message)));
      case 'catalog':
        return this.work(message.id, () => sendCatalog(this.context, this.writer, message));
      case 'digest':
        return this.work(message.id, async () => this.send(await this.digests.answer(message)));
      case 'settle':
        return this.work(message.id, async () => this.send(await settle(this.context, message)));
      case 'view':
        return this.work(message.id, async () =>
          this.send({ type: 'viewed', id: message.id }, await answerView(this.context, body)),
        );
      case 'propose':
        return this.work(message.id, async () => {
          this.send({ type: 'cleaned', id: message.id }, await cleanAsProposed(this.context, message, body));
        });
      case 'pin':
        return this.work(message.id, async () => {
          await setPin(this.context, message);
          this.send({ type: 'pinned', id: message.id });
        });
      case 'pledge':
        return this.work(message.id, async () => this.send(await answerPledge(this.context, message)));
      case 'unpledge':
        return this.work(message.id, async () => this.send(await answerUnpledge(this.context, message)));
      case 'events':
        return this.work(message.id, () => sendEvents(this.context, this.writer, message));
      case 'survey':
        return this.work(message.id, () => sendSurvey(this.context, this.writer, message));
      case 'fetch':
        return this.work(message.id, () => sendBackupFile(this.context, this.writer, message));
      case 'probe':
        return this.work(message.id, async () => this.send(await probe(this.context, this.peer, message)));
    }
  }

  private async beginPut(message: ClientMessageOf<'put'>): Promise<void> {
    await this.answering(message.id, async () => {
      if (this.puts.size + this.completing >= maxPutsUnderWay) throw new Failure('protocol', 'too many puts under way');
      if (this.puts.has(message.id)) throw new Failure('protocol', `put ${message.id} is under way already`);
      const put = new PutRequest(this.context, this.peer, this.order, message);
      this.puts.set(message.id, put);
      if (message.digest === undefined) {
        await put.begin();
        return;
      }
      // Reading a stored file takes a while; other requests go on meanwhile. The client waits for the answer.
      this.work(message.id, async () => {
        const answer = await put.begin();
        if (answer === 'send' || answer === 'body') {
          this.send({ type: 'send', id: message.id });
        } else {
          this.send({ type: 'stored', id: message.id, ...answer });
          await this.endPut(message.id);
        }
      });
    });
  }

  private completePut(message: ClientMessageOf<'end'>): void {
    const put = this.puts.get(message.id);
    if (put === undefined) return;
    // From here on the put is this job's alone: what still comes for it is dropped, and closes nothing under its hands.
    this.puts.delete(message.id);
    this.completing += 1;
    const end = async () => {
      this.completing -= 1;
      await put.release();
    };
    this.work(
      message.id,
      async () => {
        const { sizeBytes, fingerprint } = message;
        const verdict = await put.complete({ sizeBytes, fingerprint });
        this.send({ type: 'stored', id: message.id, ...verdict });
      },
      end,
      end,
    );
  }

  /** A body for a put that was refused a moment ago is still on its way: it is dropped. */
  private async onPut(id: number, act: (put: PutRequest) => Promise<void>): Promise<void> {
    const put = this.puts.get(id);
    if (put === undefined) return;
    await this.answering(id, () => act(put));
  }

  private async endPut(id: number): Promise<void> {
    const put = this.puts.get(id);
    this.puts.delete(id);
    await put?.release();
  }

  private work(
    id: number,
    job: () => Promise<void>,
    afterFailure = () => this.endPut(id),
    afterSuccess: () => Promise<void> = async () => undefined,
  ): void {
    const running = this.answering(id, job, afterFailure, afterSuccess)
      // Answered it is; what could not be tidied up (a disk that failed meanwhile) is removed as stale later.
      .catch((error: unknown) => this.context.log.warning('not tidied up', { reason: toFailure(error).message }))
      .finally(() => this.working.delete(running));
    this.working.add(running);
  }

  /** Runs a step of a request; its failure is the request's answer and ends it. Never rejects. */
  private async answering(
    id: number,
    step: () => Promise<void>,
    afterFailure = () => this.endPut(id),
    afterSuccess: () => Promise<void> = async () => undefined,
  ): Promise<void> {
    try {
      await step();
    } catch (error) {
      const failure = toFailure(toDiskFailure(error, 'working in the archive'));
      this.context.log.warning('request refused', { code: failure.code, reason: failure.message });
      this.refusals.tell(failure);
      this.send(errorMessage(failure, id));
      await afterFailure();
      return;
    }
    await afterSuccess();
  }

  private send(message: ServerMessage, ...body: readonly Buffer[]): void {
    this.writer.send(message, ...body);
  }

  private async *counted(input: Readable): AsyncGenerator<Buffer> {
    for await (const piece of input) {
      this.receivedBytes += (piece as Buffer).length;
      this.context.activity.note();
      yield piece as Buffer;
    }
  }

  /** While something moves, the client hears of it at least every second, however long a file takes. */
  private reportProgress(): () => void {
    let reported = this.context.activity.count;
    const timer = setInterval(() => {
      // The client waits for a hello first, however long the disk takes for it.
      if (!this.hasGreeted || this.context.activity.count === reported) return;
      reported = this.context.activity.count;
      this.send({ type: 'progress', receivedBytes: this.receivedBytes });
    }, progressIntervalMs);
    return () => clearInterval(timer);
  }
}
