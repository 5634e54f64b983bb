/** Writes the demo for a person: steps with the time they began at, and checks with their verdicts. */
export class Narrator {
  readonly #startedMs = performance.now();
  readonly #isColoured: boolean;
  #lastStep = 'the beginning';
  #isSilent = false;

  constructor({ isColoured }: { isColoured: boolean }) {
    this.#isColoured = isColoured;
  }

  get elapsedSeconds(): number {
    return (performance.now() - this.#startedMs) / 1000;
  }

  /** The step under way, for the message of whatever goes wrong in it. */
  get lastStep(): string {
    return this.#lastStep;
  }

  title(text: string): void {
    this.#write(`\n${this.#paint('1', text)}\n`);
  }

  step(text: string): void {
    this.#lastStep = text;
    const time = `${this.elapsedSeconds.toFixed(1)} s`.padStart(8);
    this.#write(`\n${this.#paint('36', time)}  ${this.#paint('1', text)}\n`);
  }

  note(text: string): void {
    this.#write(`          ${text}\n`);
  }

  check(isOk: boolean, text: string): void {
    const verdict = isOk ? this.#paint('32', 'ok    ') : this.#paint('1;31', 'FAILED');
    this.#write(`  ${verdict}  ${text}\n`);
  }

  verdict(isGood: boolean, text: string): void {
    this.#write(`\n${this.#paint(isGood ? '1;32' : '1;31', text)}\n`);
  }

  /** What somebody else has written, shown as it is. */
  quote(title: string, lines: readonly string[]): void {
    this.#write(`\n${this.#paint('1', title)}\n${lines.map((line) => `  | ${line}\n`).join('')}`);
  }

  /** Nothing more is written: the rest of a show that is being taken down is of no interest. */
  silence(): void {
    this.#isSilent = true;
  }

  #write(text: string): void {
    if (!this.#isSilent) process.stdout.write(text);
  }

  #paint(code: string, text: string): string {
    return this.#isColoured ? `\u001b[${code}m${text}\u001b[0m` : text;
  }
}

/** Colour is for a person at a terminal who has not asked for plain text (no-color.org). */
export function wantsColour(): boolean {
  return process.stdout.isTTY && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
}

/** "1 debt", "12 debts". */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : plural}`;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
