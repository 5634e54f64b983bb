import type { BackupQueue } from '@archive2/core/queue/backup-queue.ts';
import { openQueue, type QueueLogin } from '@archive2/core/queue/open-queue.ts';
import { describeLocation, type QueueLocation } from '@archive2/core/queue/queue-location.ts';
import type { QueueState } from '@archive2/core/queue/queue-state.ts';
import type { Task, Verification } from '@archive2/core/queue/task.ts';
import type { Known } from '../model/known.ts';
import { askSource } from './ask-source.ts';

/** What a queue said of all clusters that are asked about. */
export interface QueueLook {
  readonly state: QueueState;
  /** By cluster, newest first. */
  readonly tasks: ReadonlyMap<string, readonly Task[]>;
  readonly verifications: ReadonlyMap<string, readonly Verification[]>;
}

/** Of each cluster: enough for the last attempt of each host with each kind, and for a month of drills on the picture. */
const tasksLooked = 100;
const verificationsLooked = 60;

/** One queue, which several clusters may share, over one connection that is kept between two looks. */
export class QueueWatch {
  readonly #location: QueueLocation;
  readonly #login: QueueLogin;
  readonly #timeoutMs: number;
  #queue: BackupQueue | undefined;
  #underWay: Promise<QueueLook> | undefined;

  constructor(location: QueueLocation, login: QueueLogin, timeoutMs: number) {
    this.#location = location;
    this.#login = { ...login, connectTimeoutMs: Math.min(login.connectTimeoutMs, timeoutMs) };
    this.#timeoutMs = timeoutMs;
  }

  /** Never rejects, and resolves by the timeout. A look that hangs is waited for by the next one. */
  async look(clusters: readonly string[]): Promise<Known<QueueLook>> {
    this.#underWay ??= this.#ask(clusters).finally(() => {
      this.#underWay = undefined;
    });
    const underWay = this.#underWay;
    return await askSource(`the queue, ${describeLocation(this.#location)},`, this.#timeoutMs, () => underWay);
  }

  async close(): Promise<void> {
    const queue = this.#queue;
    this.#queue = undefined;
    await queue?.close();
  }

  async #ask(clusters: readonly string[]): Promise<QueueLook> {
    const wasKept = this.#queue !== undefined;
    try {
      return await this.#askOnce(clusters);
    } catch (error) {
      // Its server was started again since the last look: that is known only by asking.
      if (wasKept) return await this.#askOnce(clusters);
      throw error;
    }
  }

  async #askOnce(clusters: readonly string[]): Promise<QueueLook> {
    const longMs = this.#timeoutMs;
    // A server that is away is asked again at the next look, not within this one. In a file it is the time for a lock.
    const callMs = this.#location.kind === 'sqlite' ? longMs : 1;
    this.#queue ??= await openQueue(this.#location, this.#login, { lockMs: longMs, statementMs: longMs, callMs });
    const queue = this.#queue;
    const state = await queue.state();
    const tasks = new Map<string, readonly Task[]>();
    const verifications = new Map<string, readonly Verification[]>();
    // One after the other: a queue's calls share its one connection.
    for (const cluster of clusters) {
      tasks.set(cluster, await queue.tasks({ cluster, limit: tasksLooked }));
      verifications.set(cluster, await queue.verifications({ cluster, limit: verificationsLooked }));
    }
    return { state, tasks, verifications };
  }
}
