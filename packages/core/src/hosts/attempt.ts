import { type Clock, systemClock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';

/**
 * The one deadline over all the steps of connecting: name, TCP, handshake and login, through all jump hosts.
 *
 * `signal` is aborted with a Failure when the time is up or the caller gives up; every step listens to it.
 */
export class Attempt {
  readonly #controller = new AbortController();
  readonly #finished = new AbortController();
  readonly #clock: Clock;
  readonly #expiresAtMs: number;
  /** What is being waited for, for the message. */
  phase = 'the connection';

  constructor(place: string, timeoutMs: number, callerSignal?: AbortSignal, clock: Clock = systemClock) {
    this.#clock = clock;
    this.#expiresAtMs = clock.monotonicMs() + timeoutMs;
    const giveUp = () => {
      const reason: unknown = callerSignal?.reason;
      this.#controller.abort(
        reason instanceof Failure ? reason : new Failure('deadline', `${place}: the attempt to connect was given up`),
      );
    };
    if (callerSignal?.aborted) giveUp();
    else callerSignal?.addEventListener('abort', giveUp, { once: true, signal: this.#finished.signal });
    // sleep never rejects.
    clock.sleep(timeoutMs, this.#finished.signal).then(
      () => {
        if (this.#finished.signal.aborted) return;
        this.#controller.abort(
          new Failure(
            'host_unreachable',
            `${place}: no answer within ${formatDuration(timeoutMs)} (waiting for ${this.phase})`,
          ),
        );
      },
      () => undefined,
    );
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get remainingMs(): number {
    return Math.max(0, this.#expiresAtMs - this.#clock.monotonicMs());
  }

  /** Settles as `work` does, or rejects with the Failure when the attempt ends first; `work` is then left to itself. */
  race<T>(work: Promise<T>): Promise<T> {
    const { signal } = this;
    return new Promise((resolve, reject) => {
      const end = () => reject(signal.reason as Failure);
      if (signal.aborted) {
        end();
        // What becomes of it is no longer anybody's concern.
        work.catch(() => undefined);
        return;
      }
      signal.addEventListener('abort', end, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', end));
    });
  }

  /** Ends the deadline; to be called in every case, or its timer keeps the process alive. */
  finish(): void {
    this.#finished.abort();
  }
}

/** `3 s`, `1500 ms`. */
export function formatDuration(durationMs: number): string {
  return durationMs % 1000 === 0 ? `${durationMs / 1000} s` : `${durationMs} ms`;
}
