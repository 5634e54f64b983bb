import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ArchiveHost } from '../support/archive-host.ts';
import { ArchiveStand } from '../support/archive-stand.ts';
import { DataDirectory } from '../support/data-directory.ts';
import { FaultCluster } from '../support/fault-cluster.ts';
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

async function setUp(): Promise<void> {
  cluster = await FaultCluster.create(stand);
  invariants = new Invariants(cluster);
  expect(await cluster.push(cluster.segment())).toMatchObject({ status: 0, stderr: '' });
  await cluster.converged();
}

/** Another server that archives to the same place: a clone of the first one that went its own way. */
function rival(): DataDirectory {
  return new DataDirectory(stand, `${cluster.name}-rival`, { systemIdentifier: cluster.data.systemIdentifier });
}

const number = (name: string) => Number.parseInt(name.slice(16), 16);

test('68: two calls for the same bytes at once both return 0', async () => {
  await setUp();
  for (let round = 0; round < 5; round += 1) {
    const name = cluster.segment();
    const results = await Promise.all([cluster.push(name), cluster.push(name)]);
    expect(results.map(({ status }) => status)).toEqual([0, 0]);
  }
  await cluster.converged();
  expect(stand.hosts.map((host) => cluster.quarantine(host))).toEqual([[], []]);
  invariants.check({ copies: 2 });
});

test('69: of two calls for other bytes at once one returns 0 and one 15', async () => {
  await setUp();
  const other = rival();
  for (let round = 0; round < 5; round += 1) {
    const name = cluster.segment();
    const { content } = other.segment(number(name));
    const call = cluster.call({ flags: ['--no-agent'] });
    const [ours, theirs] = await Promise.all([cluster.push(name), other.archive(name, call)]);
    expect([ours.status, theirs.status].toSorted((a, b) => Number(a) - Number(b))).toEqual([0, 15]);
    if (theirs.status === 0) cluster.acknowledge(name, content);
    await cluster.converged();
    const isOver = () => stand.hosts.every((host) => cluster.parts(host).length === 0);
    await waitFor(isOver, { what: 'the sessions to end' });
    invariants.check({ copies: 2 });
  }
  const kept = stand.hosts.flatMap((host) => cluster.quarantine(host));
  expect(new Set(kept.map((name) => name.slice(0, 24))).size).toBe(5);
});

test('69: other bytes under a name that only host 1 holds yet do not reach host 2', async () => {
  await setUp();
  const other = rival();
  cluster.refuse(h2, 'sync');
  const name = cluster.segment();
  expect(await cluster.push(name)).toMatchObject({ status: 0 });
  expect([cluster.has(h2, name), cluster.debts(h1)]).toEqual([false, [name]]);
  await cluster.killSessions(h1);
  cluster.unwrap();
  other.segment(number(name));
  // As long as no payer can be there first.
  const lock = `${cluster.directory}/state/lock.pay.arch2`;
  const holder = h1.machine.spawn(['flock', lock, 'sh', '-c', 'echo held; read line']);
  await new Promise((resolve) => holder.output.once('data', resolve));
  const call = cluster.call({ flags: ['--no-agent'] });
  expect(await other.archive(name, call)).toMatchObject({ status: 15 });
  expect(cluster.has(h2, name)).toBe(false);
  await holder.kill();
  expect(await cluster.push(cluster.segment())).toMatchObject({ status: 0, stderr: '' });
  await cluster.converged();
  invariants.check({ copies: 2 });
});

test('70: two primaries archive one name to a host each: both contents are kept, and both are told', async () => {
  await setUp();
  const other = rival();
  const name = cluster.segment();
  const { content } = other.segment(number(name));
  for (const host of stand.hosts) cluster.refuse(host, 'sync');
  expect(await cluster.push(name, { hosts: 'arch1' })).toMatchObject({ status: 0 });
  const call = cluster.call({ flags: ['--no-agent'], hosts: 'arch2' });
  expect(await other.archive(name, call)).toMatchObject({ status: 0 });
  invariants.check({ split: [name] });

  cluster.unwrap();
  const kept = () => stand.hosts.map((host) => cluster.quarantine(host));
  await waitFor(() => kept().every((names) => names.length === 1), { what: 'both hosts to keep the other content' });
  const [inFirst = '', inSecond = ''] = kept().flat();
  const unpacked = (host: ArchiveHost, file: string) => stand.content(host, `../quarantine/${file}`, cluster.name);
  expect(unpacked(h1, inFirst)?.equals(content)).toBe(true);
  expect(unpacked(h2, inSecond)?.equals(cluster.sources.get(name) ?? Buffer.alloc(0))).toBe(true);
  for (const hosts of ['arch1 arch2', 'arch2 arch1']) {
    expect(await cluster.push(name, { hosts })).toMatchObject({ status: 15 });
    expect(await other.archive(name, { ...call, hosts })).toMatchObject({ status: 15 });
  }
  expect(await cluster.push(cluster.segment())).toMatchObject({ status: 0, stderr: '' });
  expect(kept().map((names) => names.length)).toEqual([1, 1]);
  invariants.check({ split: [name] });
});
