import assert from 'node:assert/strict';
import { type SimulatedTask, Simulation } from '../../packages/core/src/queue/simulation.ts';
import type { Claim } from '../../packages/core/src/queue/task.ts';
import { addCluster, claim, DAY, type Fact, HOUR } from './queue-under-test.ts';

const DAYS = 14;

/** Chosen by the task alone, so that both worlds have the same luck. */
function fate({ cluster, host, startedAtMs }: Pick<SimulatedTask, 'cluster' | 'host' | 'startedAtMs'>) {
  let hash = 0;
  for (const letter of `${cluster} ${host} ${startedAtMs}`) hash = (Math.imul(hash, 31) + letter.charCodeAt(0)) >>> 0;
  const durationMs = (1 + (hash % 5)) * HOUR;
  return hash % 7 === 0 || (cluster === 'c3' && host === 'a') ? { durationMs, error: 'bad luck' } : { durationMs };
}

const isUp = (host: string, atMs: number) => host !== 'b' || Math.floor(atMs / DAY) % 9 !== 4;
const line = ({ cluster, host, startedAtMs, dueAtMs }: SimulatedTask) => `${startedAtMs} ${cluster} ${host} ${dueAtMs}`;

/** A store and the pure rules, played side by side. */
export const weeksFact: Fact = {
  title: `${DAYS} days of clusters, failures and a host that is away go as the pure rules say`,
  async check(test) {
    for (let number = 0; number < 12; number++) {
      const startWindow = number % 3 === 0 ? { fromMinute: 22 * 60, toMinute: 5 * 60 } : undefined;
      const schedule = { periodicityDays: 1 + (number % 4) * 0.7, startWindow, priority: number % 5 };
      const sourceServer = number < 4 ? 'shared' : `s${number}`;
      await addCluster(test, `c${number}`, { schedule, sourceServer, timeZone: 'Europe/Berlin' });
    }
    await test.queue.changeHost('a', { maxRunning: 3 });
    await test.queue.changeHost('b', { maxRunning: 2 });
    const world = { askEveryMs: HOUR, isUp, run: fate };
    const endMs = test.nowMs + DAYS * DAY;
    const expected = [...new Simulation(await test.queue.state(), world).until(endMs)].map(line);

    const begun: string[] = [];
    let running: { claimed: Claim; endMs: number; error?: string }[] = [];
    for (; test.nowMs < endMs; test.nowMs += HOUR) {
      const ended = running.filter(({ endMs }) => endMs <= test.nowMs);
      for (const { claimed, error } of ended) {
        await test.queue.complete(
          claimed,
          error === undefined ? { state: 'succeeded', result: {} } : { state: 'failed', error },
        );
      }
      running = running.filter((task) => !ended.includes(task));
      for (const host of ['a', 'b']) {
        if (!isUp(host, test.nowMs)) continue;
        for (;;) {
          const claimed = await claim(test, host, { leaseSeconds: 604_800 });
          if (claimed === undefined) break;
          const { durationMs, ...end } = fate(claimed);
          running.push({ claimed, endMs: test.nowMs + durationMs, ...end });
          begun.push(line(claimed));
        }
      }
    }
    assert.ok(expected.length > 12 * DAYS * 0.5, `${expected.length} tasks`);
    assert.deepEqual(begun, expected);
  },
};
