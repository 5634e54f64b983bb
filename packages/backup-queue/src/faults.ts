import { Failure } from '@archive2/core/base/failure.ts';

/** Collects all that is wrong with a call, so that a person hears of it at once and not one by one. */
export class Faults {
  readonly #messages: string[] = [];
  readonly #hints = new Set<string>();

  /** The value that `read` returns; undefined when it throws Failure `usage`, which is noted. Other errors are thrown on. */
  try<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'usage') throw error;
      // What is checked twice, alone and with the rest, is told once.
      if (!this.#messages.includes(error.message)) this.#messages.push(error.message);
      if (error.hint !== undefined) this.#hints.add(error.hint);
      return undefined;
    }
  }

  note(message: string, hint?: string): void {
    this.try(() => {
      throw new Failure('usage', message, hint === undefined ? {} : { hint });
    });
  }

  get areThere(): boolean {
    return this.#messages.length > 0;
  }

  /** Throws all of them as one Failure `usage`, when there are any. */
  throwIfAny(): void {
    const [first] = this.#messages;
    if (first === undefined) return;
    const message =
      this.#messages.length === 1 ? first : `${this.#messages.length} things are wrong: ${this.#messages.join('; ')}`;
    const hint = [...this.#hints].join(' ');
    throw new Failure('usage', message, hint === '' ? {} : { hint });
  }
}
