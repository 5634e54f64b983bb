import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ArchiveStand } from '../support/archive-stand.ts';
import { FaultCluster, inject } from '../support/fault-cluster.ts';
import { Invariants } from '../support/invariants.ts';
import { waitFor } from '../support/wait-for.ts';

let stand: ArchiveStand;
let cluster: FaultCluster;
let invariants: Invariants;

beforeAll(async () => {
  stand = await ArchiveStand.create();
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

/** Pushes through an agent. */
const pushByAgent = (name: string) => cluster.push(name, { flags: [] });

test('36: archive_cmd is killed at each of its writes to the network', async () => {
  await setUp();
  const { primary } = stand;
  const isKilled = async (at: number) => {
    const name = cluster.segment();
    const words = inject(`sendto,sendmsg,write,writev:signal=SIGKILL:when=${at}`);
    const argv = [...words, ...cluster.data.argv(name, cluster.call({ flags: ['--no-agent'] }))];
    const options = { cwd: cluster.data.path, env: cluster.data.environment() };
    const result = await primary.run(argv, options);
    if (result.status === 0) cluster.acknowledge(name);
    else expect(result.signal).toBe('SIGKILL');
    expect(await cluster.push(name), `after write ${at}`).toMatchObject({ status: 0, stderr: '' });
    return result.status !== 0;
  };
  let at = 1;
  // One by one through the login, then in strides through the file. How many writes there are differs from call to call, as what is there
  // leaves as one: some ten for the login, then the file.
  while (await isKilled(at)) at += at < 16 ? 1 : 4;
  expect(at).toBeGreaterThan(12);
  await cluster.converged();
  invariants.check({ copies: 2, parts: at });
});

test('36: the agent is killed while it ships: the call has a verdict all the same', async () => {
  await setUp();
  expect(await pushByAgent(cluster.segment())).toMatchObject({ status: 0 });
  let kills = 0;
  for (let at = 1; at <= 6; at += 1) {
    const agent = cluster.data.agent();
    const words = inject(`sendto,sendmsg,write,writev:signal=SIGKILL:when=${at}`);
    const strace = stand.primary.spawn([...words, '-p', `${agent.pidInside}`], { user: 'root' });
    const isTraced = () => !/^TracerPid:\t0$/m.test(readFileSync(`/proc/${agent.pid}/status`, 'utf8'));
    await waitFor(isTraced, { what: 'strace to attach', intervalMs: 2 });
    const name = cluster.segment();
    expect(await pushByAgent(name), `agent killed at write ${at}`).toMatchObject({ status: 0 });
    await strace.signal('SIGINT');
    await strace.exited;
    if (!cluster.data.agents().some(({ pid }) => pid === agent.pid)) kills += 1;
    expect(await pushByAgent(name)).toMatchObject({ status: 0, stderr: '' });
  }
  expect(kills).toBeGreaterThan(2);
  await cluster.converged();
  invariants.check({ copies: 2, parts: kills });
});
