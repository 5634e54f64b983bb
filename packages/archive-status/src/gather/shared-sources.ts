import type { CooldownState } from '@archive2/core/hosts/cooldown.ts';
import { loadCooldown } from '@archive2/core/hosts/cooldown-file.ts';
import type { QueueLogin } from '@archive2/core/queue/open-queue.ts';
import { describeLocation, type QueueLocation } from '@archive2/core/queue/queue-location.ts';
import type { AgentReport } from '../model/agent-report.ts';
import type { Known } from '../model/known.ts';
import type { WatchedCluster } from '../settings/watched-cluster.ts';
import { lookAtAgents } from '../sources/agents.ts';
import { askSource } from '../sources/ask-source.ts';
import { type QueueLook, QueueWatch } from '../sources/queue-watch.ts';

/** What several clusters have in common: queues, and this machine. Asked once for each look. */
export class SharedSources {
  readonly #queues = new Map<string, { watch: QueueWatch; clusters: string[] }>();
  readonly #stateDirectory: string;
  readonly #timeoutMs: number;

  constructor(
    clusters: readonly WatchedCluster[],
    { login, stateDirectory, timeoutMs }: { login: QueueLogin; stateDirectory: string; timeoutMs: number },
  ) {
    this.#stateDirectory = stateDirectory;
    this.#timeoutMs = timeoutMs;
    for (const { cluster, queue } of clusters) {
      if (queue === undefined) continue;
      const entry = this.#queues.get(keyOf(queue)) ?? { watch: new QueueWatch(queue, login, timeoutMs), clusters: [] };
      entry.clusters.push(cluster);
      this.#queues.set(keyOf(queue), entry);
    }
  }

  /** Asks all queues; by the configuration of a cluster its queue's answer. Never rejects. */
  askQueues(): (queue: QueueLocation | undefined) => Promise<Known<QueueLook> | null> {
    const asked = new Map([...this.#queues].map(([key, { watch, clusters }]) => [key, watch.look(clusters)]));
    return async (queue) => (queue === undefined ? null : ((await asked.get(keyOf(queue))) ?? null));
  }

  async agents(): Promise<Known<readonly AgentReport[]>> {
    const [directory, timeoutMs] = [this.#stateDirectory, this.#timeoutMs];
    return await askSource(`the agents of ${directory}`, timeoutMs, () => lookAtAgents(directory, timeoutMs * 0.9));
  }

  async cooldowns(): Promise<Known<CooldownState>> {
    const directory = this.#stateDirectory;
    return await askSource(`${directory}/cooldown.json`, this.#timeoutMs, () => loadCooldown(directory));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map(({ watch }) => watch.close()));
  }
}

function keyOf(queue: QueueLocation): string {
  return queue.kind === 'sqlite' ? queue.path : JSON.stringify([describeLocation(queue), queue.conninfo]);
}
