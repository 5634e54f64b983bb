import { randomUUID } from 'node:crypto';
import { forms } from '../../../packages/backup-queue/src/forms.ts';
import type { Clock } from '../../../packages/core/src/base/clock.ts';
import { createLog } from '../../../packages/core/src/base/log.ts';
import { parseArguments } from '../../../packages/core/src/cli/arguments.ts';
import { SqliteQueue } from '../../../packages/core/src/queue/sqlite-queue.ts';
import type { Claim, Outcome } from '../../../packages/core/src/queue/task.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export interface Said {
  stdout: string;
  /** On stderr. */
  messages: string[];
}

/** Calls of backup-queue, without a process: a queue in a file, with a clock that stands still until it is put forward. */
export class QueueCalls {
  nowMs = Date.UTC(2026, 10, 21, 12);
  width: number | undefined;
  /** As in /etc/default/backup-queue. */
  settings: Record<string, string> = {};
  readonly #path: string;
  readonly #clock: Clock = {
    nowMs: () => this.nowMs,
    monotonicMs: () => this.nowMs,
    sleep: () => Promise.resolve(),
  };

  private constructor(path: string) {
    this.#path = path;
  }

  static async create(directory: string): Promise<QueueCalls> {
    const calls = new QueueCalls(`${directory}/queue.db`);
    await SqliteQueue.init(calls.#path, { clock: calls.#clock });
    return calls;
  }

  /** Words are separated by blanks, "_" in a word is a blank. Rejects as the command ends. */
  async call(line: string): Promise<Said> {
    const [name = '', ...args] = line.split(' ').map((word) => word.replaceAll('_', ' '));
    const form = forms[name];
    if (form === undefined) throw new Error(`no form ${name}`);
    const { words, options } = await parseArguments(form.spec, args, { environment: {}, file: this.settings });
    const said: Said = { stdout: '', messages: [] };
    await form.run({
      words,
      options,
      environment: {},
      layout: { width: this.width, colours: false },
      timeZone: 'UTC',
      log: createLog((message) => said.messages.push(message)),
      print: async (text) => {
        said.stdout += text;
      },
      location: () => ({ kind: 'sqlite', path: this.#path }),
      withQueue: (work) => this.withQueue(work),
    });
    return said;
  }

  async json<T>(line: string): Promise<T> {
    return JSON.parse((await this.call(`${line} --json`)).stdout) as T;
  }

  async withQueue<T>(work: (queue: SqliteQueue) => Promise<T>): Promise<T> {
    const queue = await SqliteQueue.open(this.#path, { clock: this.#clock });
    try {
      return await work(queue);
    } finally {
      await queue.close();
    }
  }

  /** The host asks for a task, as base-backup does. */
  async claim(host: string): Promise<Claim | undefined> {
    return await this.withQueue((queue) => queue.claim({ token: randomUUID(), host }));
  }

  /** The host asks, works for so long, and says how it went. Rejects when there is nothing to do. */
  async work(host: string, durationMs: number, error?: string): Promise<Claim> {
    const claim = await this.claim(host);
    if (claim === undefined) throw new Error(`nothing to do for ${host}`);
    this.nowMs += durationMs;
    const outcome: Outcome =
      error === undefined
        ? { state: 'succeeded', result: { name: `data.master.${claim.taskId}`, storedBytes: 2 ** 30 } }
        : { state: 'failed', error };
    await this.withQueue((queue) => queue.complete(claim, outcome));
    return claim;
  }
}
