import { rm } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { Failure, toFailure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import { keptChunks, type Receive, type ReceivedFile, receiveHere } from './receive-file.ts';
import { type FromThread, failureSent, sentFailure, type ToThread } from './thread-messages.ts';

type Outcome = Exclude<FromThread, { kind: 'taken' }>;

/** A file that the thread is receiving. */
interface Arrival {
  /** How many chunks were taken. */
  taken: number;
  /** Wakes who waits for the thread's next word. */
  wake: () => void;
  /** How it ended, as soon as it has. */
  outcome: Outcome | undefined;
}

/**
 * Receives files in a thread of its own: decompressing and writing them takes more than all else that is done for them, and there it takes
 * a third less than in the runtime's threads, with a way back for each piece. Without a thread it is done here.
 */
export class ReceivingThread {
  private readonly entry: string | URL;
  private readonly log: Log;
  private worker: Worker | undefined;
  private hasEnded = false;
  private readonly arrivals = new Map<number, Arrival>();
  private lastId = 0;

  /** `entry`: the module that the thread runs. */
  constructor(log: Log, entry: string | URL = entryOfThread()) {
    this.log = log;
    this.entry = entry;
  }

  get filesUnderWay(): number {
    return this.arrivals.size;
  }

  /** It has ended, and is not begun again. */
  get isBroken(): boolean {
    return this.hasEnded;
  }

  /** Begins the thread, which takes 10 ms, beside whatever else there is to do. */
  start(): void {
    if (this.worker !== undefined || this.hasEnded) return;
    try {
      this.worker = this.begin();
    } catch (error) {
      this.lose(toFailure(error).message);
    }
  }

  readonly receive: Receive = async (chunks, wanted, segmentSize) => {
    this.start();
    const { worker } = this;
    if (worker === undefined) return await receiveHere(chunks, wanted, segmentSize);
    const id = ++this.lastId;
    const arrival: Arrival = { taken: 0, wake: () => undefined, outcome: undefined };
    this.arrivals.set(id, arrival);
    const { file, path, systemIdentifier } = wanted;
    say(worker, { kind: 'begin', id, wanted: { file, path, systemIdentifier }, segmentSize });
    try {
      await sendChunks(worker, id, chunks, arrival);
      while (arrival.outcome === undefined) await nextWord(arrival);
      return receivedFile(arrival.outcome);
    } finally {
      this.arrivals.delete(id);
    }
  };

  stop(): void {
    const { worker } = this;
    this.hasEnded = true;
    this.worker = undefined;
    worker?.removeAllListeners();
    // What it was writing is in nobody's hands, and is removed by the next agent that opens the buffer.
    worker?.terminate().catch(() => undefined);
    this.endAll('it was stopped');
  }

  private begin(): Worker {
    const worker = new Worker(this.entry);
    worker.on('message', (message: FromThread) => this.hear(message));
    worker.on('error', (error) => this.lose(error.message));
    worker.on('exit', () => this.lose('it ended'));
    worker.unref();
    return worker;
  }

  private hear(message: FromThread): void {
    const arrival = this.arrivals.get(message.id);
    if (arrival === undefined) return;
    if (message.kind === 'taken') arrival.taken += 1;
    else arrival.outcome = message;
    arrival.wake();
  }

  /** What it was receiving is had from elsewhere, and what comes next is received here. */
  private lose(reason: string): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.worker = undefined;
    this.log.warning('a receiving thread is lost, files are received without it', { reason });
    this.endAll(reason);
  }

  private endAll(reason: string): void {
    const failure = sentFailure(new Failure('internal', `the thread that receives files has ended: ${reason}`));
    for (const [id, arrival] of this.arrivals) {
      arrival.outcome ??= { kind: 'failed', id, failure };
      arrival.wake();
    }
  }
}

/** Asks for no chunk that would cost one which was not taken yet. Ends early, and the source with it, when the file does. */
async function sendChunks(worker: Worker, id: number, chunks: AsyncIterable<Buffer>, arrival: Arrival): Promise<void> {
  let sent = 0;
  try {
    for await (const chunk of chunks) {
      say(worker, { kind: 'chunk', id, bytes: forThread(chunk) });
      sent += 1;
      while (sent - arrival.taken >= keptChunks && arrival.outcome === undefined) await nextWord(arrival);
      if (arrival.outcome !== undefined) return;
    }
    say(worker, { kind: 'end', id });
  } catch (error) {
    say(worker, { kind: 'broken', id, failure: sentFailure(error) });
  }
}

function say(worker: Worker, message: ToThread): void {
  worker.postMessage(message);
}

/** A view of the same memory where threads can share it, which a message would copy otherwise with all that is beside it. */
function forThread(chunk: Buffer): Uint8Array {
  if (chunk.buffer instanceof SharedArrayBuffer) {
    return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
  return new Uint8Array(chunk);
}

/** Resolves when the thread says something of the file, or has said the last of it. */
async function nextWord(arrival: Arrival): Promise<void> {
  if (arrival.outcome !== undefined) return;
  await new Promise<void>((resolve) => {
    arrival.wake = resolve;
  });
}

function receivedFile(outcome: Outcome): ReceivedFile {
  if (outcome.kind === 'failed') throw failureSent(outcome.failure);
  const { path, fingerprint } = outcome;
  return {
    part: { path, discard: () => rm(path, { force: true }), close: async () => undefined },
    fingerprint,
  };
}

/** Within the one executable modules are bundled, and the thread's has its path from the folder of all packages. */
function entryOfThread(): string | URL {
  const ours = new URL(import.meta.url);
  const bundled = '/$bunfs/root/';
  if (!decodeURI(ours.pathname).startsWith(bundled)) return new URL('./receiving-worker.ts', ours);
  return `${bundled}restore_cmd/src/receive/receiving-worker.js`;
}
