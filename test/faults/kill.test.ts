import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ArchiveHost } from '../support/archive-host.ts';
import { ArchiveStand } from '../support/archive-stand.ts';
import { CallTracer } from '../support/call-tracer.ts';
import { FaultCluster } from '../support/fault-cluster.ts';
import { Invariants } from '../support/invariants.ts';
import { killAtEachCall, pushAndKill } from '../support/push-and-kill.ts';
import { waitFor } from '../support/wait-for.ts';

let stand: ArchiveStand;
let h1: ArchiveHost;
let h2: ArchiveHost;
let cluster: FaultCluster;
let invariants: Invariants;

beforeAll(async () => {
  stand = await ArchiveStand.create();
  [h1, h2] = stand.hosts;
});

afterEach(async () => {
  await cluster?.close();
});

afterAll(async () => {
  await stand?.close();
});

async function setUp(): Promise<void> {
  cluster = await FaultCluster.create(stand);
  invariants = new Invariants(cluster);
  expect(await cluster.push(cluster.segment())).toMatchObject({ status: 0, stderr: '' });
  await cluster.converged();
}

const steps = [
  'create DIRECTORY/logs.complete/.NAME.part',
  'write DIRECTORY/logs.complete/.NAME.part',
  'fsync DIRECTORY/logs.complete/.NAME.part',
  'link DIRECTORY/logs.complete/NAME',
  'unlink DIRECTORY/logs.complete/.NAME.part',
  'fsync DIRECTORY/logs.complete',
  'answer',
];

test('35: archive_remote_cmd on host 1 is killed at every call that changes something', async () => {
  await setUp();
  const killedAt = await killAtEachCall((at) =>
    pushAndKill(cluster, { host: h1, role: 'put', at, pattern: cluster.steps }),
  );
  expect(killedAt).toEqual(expect.arrayContaining(steps));
  await cluster.converged();
  invariants.check({ copies: 2, parts: killedAt.length + 2 });
});

test('35: archive_remote_cmd on host 2, the peer, is killed at every call that changes something', async () => {
  await setUp();
  const killedAt = await killAtEachCall((at) =>
    pushAndKill(cluster, { host: h2, role: 'sync', at, pattern: cluster.steps }),
  );
  expect(killedAt).toEqual(expect.arrayContaining(steps));
  await cluster.converged();
  invariants.check({ copies: 2, parts: 3 * killedAt.length });
});

test('37: killed between the publication and the answer: the retry finds the file and returns 0', async () => {
  await setUp();
  const listing = new CallTracer(h1.machine, { action: 'kill', at: 0, pattern: /^answer$/ });
  cluster.wrap(h1, 'put', listing.words);
  expect(await cluster.push(cluster.segment())).toMatchObject({ status: 0 });
  const verdict = listing.calls().length;
  for (const hosts of ['arch1', 'arch1 arch2']) {
    const tracer = new CallTracer(h1.machine, { action: 'kill', at: verdict, pattern: /^answer$/ });
    cluster.wrap(h1, 'put', tracer.words);
    const name = cluster.segment();
    const result = await cluster.push(name, { hosts });
    expect(tracer.isReached).toBe(true);
    if (hosts === 'arch1') expect(result.status).toBe(20);
    else expect(result).toMatchObject({ status: 0 });
    expect(cluster.has(h1, name)).toBe(true);
    cluster.unwrap();
    expect(await cluster.push(name, { hosts })).toMatchObject({ status: 0, stderr: '' });
  }
  await cluster.converged();
  invariants.check({ copies: 2 });
});

test('38: killed between host 1 and the debt to host 2: the next session sees to the copy, nobody pushes it', async () => {
  await setUp();
  cluster.refuse(h2, 'sync');
  const tracer = new CallTracer(h1.machine, { action: 'kill', at: 1, pattern: /\/debts\b/ });
  cluster.wrap(h1, 'put', tracer.words);
  const name = cluster.segment();
  expect(await cluster.push(name, { hosts: 'arch1' })).toMatchObject({ status: 20 });
  expect([cluster.has(h1, name), cluster.has(h2, name), cluster.debts(h1)]).toEqual([true, false, []]);
  cluster.unwrap();
  expect(await cluster.push(cluster.segment())).toMatchObject({ status: 0 });
  await waitFor(() => cluster.has(h2, name), { what: 'the copy to come to host 2' });
  cluster.acknowledge(name);
  await cluster.converged();
  invariants.check({ copies: 2, parts: 1 });
  expect(await cluster.push(name)).toMatchObject({ status: 0, stderr: '' });
});
