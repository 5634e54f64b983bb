import { existsSync, readFileSync } from 'node:fs';
import type { Machine } from './machine.ts';
import { REPOSITORY_INSIDE } from './repository.ts';
import { waitFor } from './wait-for.ts';

export interface TracerOptions {
  /** `kill`: the program dies there. `hold`: it stays there until its tracer is killed. */
  action: 'kill' | 'hold';
  /** Which of the calls, from 1; 0 only lists them. */
  at: number;
  /** Which calls count, by their descriptions: `fsync /some/path`, `answer`. */
  pattern: RegExp;
}

/** Stops a program on a machine as it enters a chosen one of its system calls; see call-tracer.pl. */
export class CallTracer {
  readonly words: readonly string[];
  readonly #machine: Machine;
  readonly #log: string;

  constructor(machine: Machine, { action, at, pattern }: TracerOptions) {
    this.#machine = machine;
    this.#log = '/srv/session/calls';
    machine.writeFile(this.#log, '');
    const script = `${REPOSITORY_INSIDE}/test/support/call-tracer.pl`;
    this.words = ['/usr/bin/perl', script, action, `${at}`, this.#log, pattern.source];
  }

  /** The calls so far, as `what path` with random parts of names replaced. */
  calls(): string[] {
    return this.#lines().filter((line) => line !== 'reached');
  }

  get isReached(): boolean {
    return this.#lines().includes('reached');
  }

  /** Waits until the program is at the chosen call; false when it never gets there: `over` ended first. */
  async reached(over: Promise<unknown>): Promise<boolean> {
    let isOver = false;
    const end = () => {
      isOver = true;
    };
    over.then(end, end);
    await waitFor(() => isOver || this.isReached, {
      what: 'a program to reach its call',
      timeoutMs: 30_000,
      intervalMs: 2,
    });
    return this.isReached;
  }

  #lines(): string[] {
    const path = this.#machine.path(this.#log);
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
    return lines.map((line) => line.replaceAll(/\.[0-9a-f]{16}\.part/g, '.part'));
  }
}
