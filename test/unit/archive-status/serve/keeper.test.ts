import type { StatusReport } from '@archive2/archive-status/model/status-report.ts';
import { answerKey } from '@archive2/archive-status/serve/keep/last-answers.ts';
import { StatusKeeper } from '@archive2/archive-status/serve/keep/status-keeper.ts';
import type { Clock } from '@archive2/core/base/clock.ts';
import { silentLog } from '@archive2/core/base/log.ts';
import { describe, expect, test } from 'vitest';
import { goneHost, healthyCluster, host, madeUpReport, NOW_MS } from './made-up-report.ts';

/** A clock whose time passes when the test says so; sleeps end when the signal does. */
class HeldClock implements Clock {
  atMs = 0;
  nowMs(): number {
    return NOW_MS + this.atMs;
  }
  monotonicMs(): number {
    return this.atMs;
  }
  sleep(_delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
  }
}

function keeperOf(gather: () => Promise<StatusReport>, clock: Clock, gatherWithinMs = 60_000) {
  return new StatusKeeper({ gather, clock, log: silentLog, intervalMs: 5_000, gatherWithinMs });
}

const hanging = () => new Promise<never>(() => undefined);

describe('the keeper of reports', () => {
  test('gathers once for any number that ask at the same time', async () => {
    let gatherings = 0;
    const release = Promise.withResolvers<StatusReport>();
    const keeper = keeperOf(() => {
      gatherings += 1;
      return release.promise;
    }, new HeldClock());
    const asked = Array.from({ length: 50 }, () => keeper.knowledge(5_000));
    release.resolve(madeUpReport([healthyCluster()]));
    const told = await Promise.all(asked);
    expect(gatherings).toBe(1);
    expect(new Set(told.map(({ report }) => report)).size).toBe(1);
  });

  test('answers by its deadline while the sources hang: with nothing at first', async () => {
    const begunMs = performance.now();
    const { report, isStale, answers } = await keeperOf(hanging, new HeldClock()).knowledge(200);
    expect(performance.now() - begunMs).toBeLessThan(1_000);
    expect(report).toBeUndefined();
    expect(isStale).toBe(false);
    expect(answers.size).toBe(0);
  });

  test('and with what was known before, its age, and that it is old', async () => {
    const clock = new HeldClock();
    let gather: () => Promise<StatusReport> = () => Promise.resolve(madeUpReport([healthyCluster()]));
    const keeper = keeperOf(() => gather(), clock);
    expect(await keeper.knowledge(200)).toMatchObject({ ageMs: 0, isStale: false });
    gather = hanging;
    clock.atMs = 29_000;
    expect(await keeper.knowledge(200)).toMatchObject({ ageMs: 29_000, isStale: false });
    clock.atMs = 31_000;
    const late = await keeper.knowledge(200);
    expect(late).toMatchObject({ ageMs: 31_000, isStale: true });
    expect(late.report).toBeDefined();
  });

  test('waits less for something newer than for anything at all', async () => {
    const clock = new HeldClock();
    let gather: () => Promise<StatusReport> = () => Promise.resolve(madeUpReport([healthyCluster()]));
    const keeper = keeperOf(() => gather(), clock);
    await keeper.knowledge(3_000);
    gather = hanging;
    clock.atMs = 6_000;
    const begunMs = performance.now();
    expect((await keeper.knowledge(3_000)).ageMs).toBe(6_000);
    expect(performance.now() - begunMs).toBeLessThan(2_500);
  });

  test('does not ask again for what is fresh', async () => {
    let gatherings = 0;
    const clock = new HeldClock();
    const keeper = keeperOf(() => {
      gatherings += 1;
      return Promise.resolve(madeUpReport([]));
    }, clock);
    await keeper.knowledge(200);
    clock.atMs = 4_000;
    await keeper.knowledge(200);
    expect(gatherings).toBe(1);
    clock.atMs = 6_000;
    await keeper.knowledge(200);
    expect(gatherings).toBe(2);
  });

  test('says why a gathering failed, keeps what it had, and forgets the failure when it works again', async () => {
    const clock = new HeldClock();
    let gather: () => Promise<StatusReport> = () => Promise.resolve(madeUpReport([healthyCluster()]));
    const keeper = keeperOf(() => gather(), clock);
    await keeper.knowledge(200);
    gather = () => Promise.reject(new Error('no more file descriptors'));
    clock.atMs = 6_000;
    const failed = await keeper.knowledge(200);
    expect(failed.failure).toBe('no more file descriptors');
    expect(failed.report).toBeDefined();
    gather = () => Promise.resolve(madeUpReport([]));
    clock.atMs = 12_000;
    expect((await keeper.knowledge(200)).failure).toBeUndefined();
  });

  test('gives a gathering up that never ends, and tries again', async () => {
    let gatherings = 0;
    const keeper = keeperOf(
      () => {
        gatherings += 1;
        return gatherings === 1 ? hanging() : Promise.resolve(madeUpReport([]));
      },
      new HeldClock(),
      50,
    );
    expect((await keeper.knowledge(2_000)).failure).toContain('more than 0.05 s');
    expect((await keeper.knowledge(2_000)).report).toBeDefined();
  });

  test('remembers what a host said last, and when, and forgets hosts that are no longer configured', async () => {
    const clock = new HeldClock();
    let report = madeUpReport([healthyCluster()]);
    const keeper = keeperOf(() => Promise.resolve(report), clock);
    await keeper.knowledge(200);
    const hosts = [host('archive@arch1', { backups: [1] }), goneHost('archive@arch2', 'connect timed out')];
    report = madeUpReport([healthyCluster('main', { hosts })], { generatedAtMs: NOW_MS + 6_000 });
    clock.atMs = 6_000;
    const { answers } = await keeper.knowledge(200);
    const gone = answers.get(answerKey('main', 'host archive@arch2'));
    expect(gone?.atMs).toBe(NOW_MS);
    expect(gone?.host?.backups.known).toBe(true);
    expect(answers.get(answerKey('main', 'host archive@arch1'))?.atMs).toBe(NOW_MS + 6_000);
    report = madeUpReport([healthyCluster('main', { hosts: hosts.slice(0, 1) })]);
    clock.atMs = 12_000;
    expect((await keeper.knowledge(200)).answers.has(answerKey('main', 'host archive@arch2'))).toBe(false);
  });

  test('runs until it is told to end, and then has ended', async () => {
    const stop = new AbortController();
    const keeper = keeperOf(() => Promise.resolve(madeUpReport([])), new HeldClock());
    const run = keeper.run(stop.signal);
    await keeper.knowledge(200);
    stop.abort();
    await run;
  });
});
