import { describe, expect, it } from 'vitest';
import type { QueueState } from '../../../packages/core/src/queue/queue-state.ts';
import { type FinishedTask, Simulation, type World } from '../../../packages/core/src/queue/simulation.ts';
import { pauseMs, turnOf } from '../../../packages/core/src/queue/turn-policy.ts';
import { aCluster, aSchedule, aState } from '../../support/queue-state.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 0, 1);
const YEAR = 365 * DAY;
const HOSTS = ['arch1', 'arch2'];

/** A generator of numbers from 0 to 1, the same ones for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function fleet(size = 500): QueueState {
  const clusters = Array.from({ length: size }, (_, number) => {
    const startWindow = number % 5 === 0 ? { fromMinute: 22 * 60, toMinute: 6 * 60 } : undefined;
    const periodicityDays = [2, 4, 7, 14][number % 4] ?? 4;
    const schedule = aSchedule({ addedAtMs: START, periodicityDays, startWindow, priority: number % 7 === 0 ? 10 : 0 });
    return aCluster({ name: `c${number}`, schedules: [schedule], archiveHosts: HOSTS, timeZone: 'Europe/Berlin' });
  });
  const hosts = HOSTS.map((name) => ({ name, maxRunning: 8, enabled: true, seenAtMs: undefined }));
  return aState({ nowMs: START, clusters, hosts });
}

function play(world: Partial<World>, size?: number): { tasks: FinishedTask[]; simulation: Simulation } {
  const simulation = new Simulation(fleet(size), {
    askEveryMs: 10 * MINUTE,
    isUp: () => true,
    run: () => ({ durationMs: 20 * MINUTE }),
    ...world,
  });
  return { tasks: [...simulation.until(START + YEAR)], simulation };
}

const periodOf = new Map(
  fleet().clusters.map(({ name, schedules }) => [name, (schedules[0]?.periodicityDays ?? 0) * DAY]),
);
const hasWindow = new Set(fleet().clusters.flatMap(({ name, schedules }) => (schedules[0]?.startWindow ? [name] : [])));

function gaps(tasks: readonly FinishedTask[]): number[] {
  return tasks.slice(1).map((task, index) => task.startedAtMs - (tasks[index]?.startedAtMs ?? 0));
}

const byCluster = (tasks: readonly FinishedTask[]) => Map.groupBy(tasks, ({ cluster }) => cluster);

describe('a year of many clusters and two archive hosts', () => {
  it.each(['arch1', 'arch2'])('turns are taken and periods kept, also when %s asks first', (first) => {
    const { tasks } = play({ isUp: (host, atMs) => host === first || atMs > START }, 100);
    expect(byCluster(tasks).size).toBe(100);
    for (const [cluster, ofCluster] of byCluster(tasks)) {
      const period = periodOf.get(cluster) ?? 0;
      const twice = ofCluster.filter(({ host }, index) => host === ofCluster[index - 1]?.host);
      expect(twice, `${cluster} twice by one host`).toEqual([]);
      // At the beginning all want their first one.
      const settled = ofCluster.filter(({ startedAtMs }) => startedAtMs > START + 15 * DAY);
      const slack = hasWindow.has(cluster) ? DAY : 4 * HOUR;
      const wrong = gaps(settled).filter((gap) => Math.abs(gap - period / 2) > slack);
      expect(
        wrong.map((gap) => gap / DAY),
        `${cluster} of ${period / DAY} days`,
      ).toEqual([]);
      expect(ofCluster.length).toBeGreaterThanOrEqual(Math.floor(YEAR / (period / 2)) - 2);
    }
  });

  it('of 500 clusters none starves while tasks fail and hosts go down at random', () => {
    const random = randomNumbers(1);
    const down = new Map(
      HOSTS.map((host) => [
        host,
        Array.from({ length: 12 }, () => START + random() * YEAR).map((from) => [from, from + random() * 2 * DAY]),
      ]),
    );
    const isUp = (host: string, atMs: number) =>
      !down.get(host)?.some(([from = 0, to = 0]) => atMs >= from && atMs < to);
    const { tasks } = play({
      isUp,
      run: () => {
        const durationMs = (1 + random() * 40) * MINUTE;
        return random() < 0.1 ? { durationMs, error: 'random' } : { durationMs };
      },
    });
    const successes = tasks.filter(({ error }) => error === undefined);
    const grouped = byCluster(successes);
    expect(grouped.size).toBe(500);
    for (const [cluster, ofCluster] of grouped) {
      const period = periodOf.get(cluster) ?? 0;
      // Both hosts may be down for two days each, one after the other; then comes a window.
      expect(Math.max(...gaps(ofCluster)), cluster).toBeLessThanOrEqual(period / 2 + 4 * DAY);
      expect(ofCluster.length, cluster).toBeGreaterThanOrEqual(0.9 * (YEAR / (period / 2)) - 2);
    }
  });

  it('a host on which everything fails is backed off and needs attention; the other one makes all backups on time', () => {
    const { tasks, simulation } = play(
      {
        run: ({ host }) => (host === 'arch2' ? { durationMs: MINUTE, error: 'no' } : { durationMs: 20 * MINUTE }),
      },
      100,
    );
    for (const [cluster, ofCluster] of byCluster(tasks)) {
      const period = periodOf.get(cluster) ?? 0;
      const failed = ofCluster.filter(({ host }) => host === 'arch2');
      expect(failed).toHaveLength(6);
      gaps(failed).forEach((gap, index) => expect(gap).toBeGreaterThanOrEqual(pauseMs(index + 1)));
      const good = ofCluster.filter(({ host, startedAtMs }) => host === 'arch1' && startedAtMs > START + 20 * DAY);
      const slack = hasWindow.has(cluster) ? DAY : 4 * HOUR;
      const wrong = gaps(good).filter((gap) => Math.abs(gap - period / 2) > slack);
      expect(
        wrong.map((gap) => gap / DAY),
        `${cluster} of ${period / DAY} days`,
      ).toEqual([]);
    }
    for (const { schedules } of simulation.state.clusters) {
      expect(schedules.map((schedule) => turnOf(schedule, 'arch2').failures)).toEqual([6]);
    }
  });

  it('a cluster whose server is down for good costs twelve attempts, and the others nothing', () => {
    const { tasks } = play(
      {
        run: ({ cluster }) => (cluster === 'c1' ? { durationMs: MINUTE, error: 'no' } : { durationMs: 20 * MINUTE }),
      },
      100,
    );
    expect(tasks.filter(({ cluster }) => cluster === 'c1')).toHaveLength(12);
    expect(tasks.filter(({ cluster }) => cluster === 'c5').length).toBeGreaterThan(100);
  });
});
