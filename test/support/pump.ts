import type { Socket } from 'node:net';
import { nextStep, type PumpMode } from './fault-mode.ts';

/** Beyond this a sender is held back, except on a delayed line, where the bytes under way are the point. */
const QUEUE_BYTES = 64 * 1024;
const DELAYED_QUEUE_BYTES = 16 * 1024 * 1024;

interface Chunk {
  bytes: Buffer;
  arrivedAtMs: number;
}

/** Moves the bytes of one direction of one connection, as its mode says. */
export class Pump {
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #onMoved: (bytes: number) => void;
  readonly #onReset: () => void;
  readonly #queue: Chunk[] = [];
  #queuedBytes = 0;
  #mode: PumpMode;
  #moved = 0;
  #hasEnded = false;
  #isClosed = false;
  #wake: () => void = () => undefined;

  constructor(source: Socket, sink: Socket, mode: PumpMode, onMoved: (bytes: number) => void, onReset: () => void) {
    this.#source = source;
    this.#sink = sink;
    this.#mode = mode;
    this.#onMoved = onMoved;
    this.#onReset = onReset;
    source.on('data', (bytes: Buffer) => {
      this.#queue.push({ bytes, arrivedAtMs: performance.now() });
      this.#queuedBytes += bytes.length;
      this.#holdBack();
      this.#wake();
    });
    source.on('end', () => {
      this.#hasEnded = true;
      this.#wake();
    });
    for (const socket of [source, sink]) {
      socket.on('close', () => {
        this.#isClosed = true;
        this.#wake();
      });
    }
    sink.on('drain', () => this.#wake());
    this.#run().catch(() => onReset());
  }

  set mode(mode: PumpMode) {
    this.#mode = mode;
    this.#moved = 0;
    this.#holdBack();
    this.#wake();
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      const chunk = this.#queue[0];
      if (this.#sink.writableNeedDrain) {
        await this.#change();
      } else if (chunk !== undefined) {
        await this.#act(chunk);
      } else if (this.#hasEnded && this.#mode !== 'hang') {
        this.#sink.end();
        return;
      } else {
        await this.#change();
      }
    }
  }

  async #act(chunk: Chunk): Promise<void> {
    const age = performance.now() - chunk.arrivedAtMs;
    const step = nextStep(this.#mode, this.#moved, chunk.bytes.length, age);
    switch (step.do) {
      case 'move':
        this.#move(chunk, step.bytes, step.corruptAt);
        if (step.thenWaitMs !== undefined) {
          await this.#pace(step.thenWaitMs);
        }
        return;
      case 'wait':
        return await this.#change(step.waitMs);
      case 'hang':
        return await this.#change();
      case 'reset':
        // The sockets say that they are closed only later, and until then this chunk would still be the next.
        this.#isClosed = true;
        return this.#onReset();
    }
  }

  #move(chunk: Chunk, count: number, corruptAt: number | undefined): void {
    const bytes = chunk.bytes.subarray(0, count);
    if (corruptAt !== undefined) {
      bytes[corruptAt] = (bytes[corruptAt] ?? 0) ^ 1;
    }
    chunk.bytes = chunk.bytes.subarray(count);
    if (chunk.bytes.length === 0) {
      this.#queue.shift();
    }
    this.#queuedBytes -= count;
    this.#moved += count;
    this.#onMoved(count);
    this.#sink.write(bytes);
    this.#holdBack();
  }

  #holdBack(): void {
    const isDelayed = typeof this.#mode === 'object' && 'delayMs' in this.#mode;
    if (this.#queuedBytes >= (isDelayed ? DELAYED_QUEUE_BYTES : QUEUE_BYTES)) {
      this.#source.pause();
    } else {
      this.#source.resume();
    }
  }

  /** Waits the whole time, however many bytes arrive, but not longer than the mode lasts. */
  async #pace(ms: number): Promise<void> {
    const mode = this.#mode;
    const until = performance.now() + ms;
    while (this.#mode === mode && !this.#isClosed && performance.now() < until) {
      await this.#change(until - performance.now());
    }
  }

  /** Returns when anything has changed, or after the time. */
  async #change(ms?: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
