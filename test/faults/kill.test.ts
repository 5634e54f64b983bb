import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ArchiveHost } from '../support/archive-host.ts';
import { ArchiveStand } from '../support/archive-stand.ts';
import { CallTracer } from '../support/call-tracer.ts';
import { FaultCluster, type Role } from '../support/fault-cluster.ts';
import { Invariants } from '../support/invariants.ts';
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

async function setUp({ withIdentity = true } = {}): Promise<void> {
  cluster = await FaultCluster.create(stand);
  invariants = new Invariants(cluster);
  if (!withIdentity) return;
  expect(await cluster.push(cluster.segment())).toMatchObject({ status: 0, stderr: '' });
  await cluster.converged();
}

/** Kills sessions of this role on a host at one of their calls, while one file is pushed; which call it was, if any. */
async function pushAndKill(host: ArchiveHost, role: Role, at: number, pattern: RegExp): Promise<string | undefined> {
  const tracer = new CallTracer(host.machine, { action: 'kill', at, pattern });
  cluster.wrap(host, role, tracer.words);
  const name = cluster.segment();
  const result = await cluster.push(name);
  expect(result, `killed at call ${at}: ${tracer.calls().at(-1)}`).toMatchObject({ status: 0 });
  const killedAt = tracer.isReached ? tracer.calls()[at - 1] : undefined;
  cluster.unwrap();
  expect(await cluster.push(name), `after ${killedAt}`).toMatchObject({ status: 0, stderr: '' });
  return killedAt?.replaceAll(/\w{24}/g, 'NAME').replace(` ${cluster.directory}/`, ' ');
}

async function killEverywhere(host: ArchiveHost, role: Role): Promise<string[]> {
  const killedAt: string[] = [];
  for (;;) {
    const call = await pushAndKill(host, role, killedAt.length + 1, cluster.steps);
    if (call === undefined) return killedAt;
    killedAt.push(call);
  }
}

const steps = [
  'create logs.complete/.NAME.part',
  'write logs.complete/.NAME.part',
  'fsync logs.complete/.NAME.part',
  'link logs.complete/NAME',
  'unlink logs.complete/.NAME.part',
  'fsync logs.complete',
  'answer',
];

test('35: archive_remote_cmd on host 1 is killed at every call that changes something', async () => {
  await setUp();
  const killedAt = await killEverywhere(h1, 'put');
  expect(killedAt).toEqual(expect.arrayContaining(steps));
  await cluster.converged();
  invariants.check({ copies: 2, parts: killedAt.length });
});

test('35: archive_remote_cmd on host 2, the peer, is killed at every call that changes something', async () => {
  await setUp();
  const killedAt = await killEverywhere(h2, 'sync');
  expect(killedAt).toEqual(expect.arrayContaining(steps));
  await cluster.converged();
  invariants.check({ copies: 2, parts: 3 * killedAt.length });
});

test.each([
  ['host 1', 0],
  ['host 2', 1],
])('35: archive_remote_cmd on %s is killed while it makes the identity of the cluster', async (_what, hostNumber) => {
  const host = hostNumber === 0 ? h1 : h2;
  const killedAt: string[] = [];
  for (;;) {
    await setUp({ withIdentity: false });
    const pattern = new RegExp(`^\\w+ ${cluster.directory}(/\\.?cluster\\.json.*|/state/\\.?store-id.*)?$`);
    const call = await pushAndKill(host, hostNumber === 0 ? 'put' : 'sync', killedAt.length + 1, pattern);
    await cluster.converged();
    invariants.check({ copies: 2, parts: 2 });
    const records = stand.hosts.map((it) => JSON.parse(readFileSync(cluster.path(it, 'cluster.json'), 'utf8')));
    expect(records[0].systemIdentifier).toBe(records[1].systemIdentifier);
    const ids = stand.hosts.map((it) => readFileSync(cluster.path(it, 'state/store-id'), 'utf8'));
    expect(ids[0]).not.toBe(ids[1]);
    if (call === undefined) break;
    killedAt.push(call.replace(cluster.directory, 'DIRECTORY'));
    await cluster.close();
  }
  expect(killedAt).toEqual(
    expect.arrayContaining(['link cluster.json', 'fsync DIRECTORY', 'unlink .cluster.json.part']),
  );
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
