import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AgentMetrics, pushSecondsBounds } from '@archive2/core/agent/agent-metrics.ts';
import { AgentMetricsFile, readEarlierMetrics } from '@archive2/core/agent/agent-metrics-file.ts';
import { formatAgentMetrics, parseAgentMetrics } from '@archive2/core/agent/agent-metrics-text.ts';
import { readAgentMetrics } from '@archive2/core/agent/read-agent-metrics.ts';
import { systemClock } from '@archive2/core/base/clock.ts';
import { createLog } from '@archive2/core/base/log.ts';
import { ownIdentity } from '@archive2/core/base/process-identity.ts';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'metrics-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

function metricsOf(changes: Partial<AgentMetrics> = {}): AgentMetrics {
  return {
    role: 'push',
    program: '0.1.0',
    dataDirectory: '/pgdata',
    cluster: 'main',
    process: ownIdentity(),
    startedMs: 1000,
    writtenMs: 2000,
    endedMs: undefined,
    countingSinceMs: 500,
    lastSuccessMs: 1900,
    lastFailure: { atMs: 1800, code: 'disk_full', message: 'no room', name: '000000010000000000000001' },
    hosts: [
      {
        host: 'archive@arch1',
        files: 7,
        debts: 2,
        failures: 1,
        lastSuccessMs: 1900,
        lastFailureMs: 1800,
        lastFailure: 'refused',
        coolingUntilMs: 61_800,
      },
    ],
    push: {
      ready: 3,
      readyAtMs: 1990,
      underWay: 1,
      shipped: 7,
      failed: 1,
      failedCalls: 1,
      retries: 1,
      bytes: 117_440_512,
      seconds: { counts: pushSecondsBounds.map((_, index) => index).concat(0), sum: 12.5 },
    },
    get: undefined,
    ...changes,
  };
}

function fileOf(collect: () => AgentMetrics, lines: string[] = []) {
  const path = join(directory, 'push-1-2.metrics.json');
  const file = new AgentMetricsFile({ path, collect, clock: systemClock, log: createLog((line) => lines.push(line)) });
  return { path, file };
}

describe('the text', () => {
  test('what is written is read', () => {
    expect(parseAgentMetrics(formatAgentMetrics(metricsOf()))).toEqual(metricsOf());
    const get = {
      delivered: 9,
      absent: 2,
      unknown: 1,
      prefetchHits: 8,
      prefetchMisses: 1,
      damagedCopies: 0,
      callsWithoutPlace: 1,
      bufferFiles: 4,
      bufferBytes: 4_194_304,
      applyDelaySeconds: 3600,
    };
    const ofGet = metricsOf({ role: 'get', push: undefined, get, lastFailure: undefined, endedMs: 2100 });
    expect(parseAgentMetrics(formatAgentMetrics(ofGet))).toEqual(ofGet);
  });

  test('a newer file with more fields is read, an older one with fewer counts from zero', () => {
    const newer = JSON.parse(formatAgentMetrics(metricsOf())) as Record<string, unknown>;
    newer['somethingNew'] = { a: 1 };
    expect(parseAgentMetrics(JSON.stringify(newer))).toEqual(metricsOf());
    delete newer['push'];
    delete newer['hosts'];
    const older = parseAgentMetrics(JSON.stringify(newer));
    expect(older.push).toMatchObject({ shipped: 0, ready: undefined });
    expect(older.hosts).toEqual([]);
  });

  test('a histogram of other bounds is not taken for one of ours', () => {
    const file = JSON.parse(formatAgentMetrics(metricsOf())) as { push: { seconds: unknown } };
    file.push.seconds = { counts: [1, 2, 3], sum: 4 };
    expect(parseAgentMetrics(JSON.stringify(file)).push?.seconds.sum).toBe(0);
  });

  test('another version, another kind of file and half a file are refused', () => {
    const text = formatAgentMetrics(metricsOf());
    const bad = ['', '[]', '{}', 'null', text.slice(0, -20), text.replace('"version":1', '"version":2')];
    for (const each of bad) expect(() => parseAgentMetrics(each)).toThrow("not an agent's counters");
  });

  test('whatever JSON is there, it is read or refused, and counters are never negative nor text', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (push, hosts) => {
        const file = { ...JSON.parse(formatAgentMetrics(metricsOf())), push, hosts } as object;
        const read = parseAgentMetrics(JSON.stringify(file));
        expect(read.push?.shipped).toBeGreaterThanOrEqual(0);
        for (const host of read.hosts) expect(host.files).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('the file', () => {
  test('a reader knows whether the agent lives', async () => {
    const own = ownIdentity();
    const texts = {
      'push-1.metrics.json': metricsOf(),
      'push-2.metrics.json': metricsOf({ endedMs: 3000 }),
      // The number is used again.
      'push-3.metrics.json': metricsOf({ process: { ...own, startTicks: own.startTicks - 1 } }),
      'push-4.metrics.json': metricsOf({ process: { ...own, bootId: 'another boot' } }),
    };
    for (const [name, metrics] of Object.entries(texts)) {
      await writeFile(join(directory, name), formatAgentMetrics(metrics));
    }
    await writeFile(join(directory, 'push-5.metrics.json'), 'not JSON');
    await writeFile(join(directory, '.push-6.metrics.json.ab.part'), formatAgentMetrics(metricsOf()));
    const read = await readAgentMetrics(directory);
    expect(read.map((each) => ('problem' in each ? each.problem : each.isAlive))).toEqual([
      true,
      false,
      false,
      false,
      "not an agent's counters: it is not JSON",
    ]);
  });

  test('without a state directory there is no agent', async () => {
    expect(await readAgentMetrics(join(directory, 'nothing'))).toEqual([]);
  });

  test('a burst of changes is one write, and the last one is in it at the end', async () => {
    let shipped = 0;
    let collected = 0;
    const { path, file } = fileOf(() => {
      collected += 1;
      const { push } = metricsOf();
      if (push === undefined) throw new Error('no push');
      return metricsOf({ push: { ...push, shipped } });
    });
    for (shipped = 0; shipped < 10_000; shipped++) file.changed();
    await expect.poll(() => readEarlierMetrics(path)?.push?.shipped).toBe(10_000);
    for (shipped = 10_000; shipped < 20_000; shipped++) file.changed();
    file.end();
    expect(readEarlierMetrics(path)?.push?.shipped).toBe(20_000);
    expect(collected).toBe(2);
    expect(await readdir(directory)).toEqual(['push-1-2.metrics.json']);
  });

  test('a directory that cannot be written costs one line in the log, and nothing waits', async () => {
    const lines: string[] = [];
    const { file } = fileOf(() => metricsOf(), lines);
    await rm(directory, { recursive: true });
    file.changed();
    await expect.poll(() => lines.length).toBe(1);
    file.changed();
    await expect.poll(() => lines.length).toBe(1);
    file.end();
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain('counters not written');
    directory = await mkdtemp(join(tmpdir(), 'metrics-'));
  });
});
