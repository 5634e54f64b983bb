import { existsSync, readdirSync, utimesSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ArchiveHost } from '../support/archive-host.ts';
import { ArchiveStand } from '../support/archive-stand.ts';
import { FaultCluster, inject } from '../support/fault-cluster.ts';
import { Invariants } from '../support/invariants.ts';
import { sendSignal } from '../support/kill.ts';
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

/** Pushes through an agent. */
const pushByAgent = (name: string) => cluster.push(name, { flags: [] });

const isGone = (host: { machine: ArchiveHost['machine'] }, pid: number) =>
  !host.machine.processes().some((it) => it.pid === pid);

test('42: SIGTERM ends the agent within two seconds; the call under way fails over', async () => {
  await setUp();
  expect(await pushByAgent(cluster.segment())).toMatchObject({ status: 0 });
  const agent = cluster.data.agent();
  cluster.wrap(h1, 'put', inject('fsync:delay_enter=1s'));
  await cluster.killSessions(h1);
  const name = cluster.segment();
  const push = pushByAgent(name);
  await waitFor(() => cluster.parts(h1).length > 0, { what: 'the file to be under way' });
  sendSignal(agent.pid, 'SIGTERM');
  const what = 'the agent to end';
  await waitFor(() => isGone({ machine: stand.primary }, agent.pid), { what, timeoutMs: 2000 });
  expect(await push).toMatchObject({ status: 0 });
  cluster.unwrap();
  expect(await pushByAgent(name)).toMatchObject({ status: 0, stderr: '' });
  expect(cluster.data.agent().pid).not.toBe(agent.pid);
  await cluster.converged();
  await waitFor(() => cluster.parts(h1).length === 0, { what: 'the given up session to end' });
  invariants.check({ copies: 2 });
});

test('42: SIGTERM ends archive_remote_cmd; the call under way fails over', async () => {
  await setUp();
  cluster.wrap(h1, 'put', inject('fsync:delay_enter=1s'));
  const name = cluster.segment();
  const push = cluster.push(name);
  await waitFor(() => cluster.parts(h1).length > 0, { what: 'the file to be under way' });
  const serving = h1.machine.processes(/^\S*archive_remote_cmd serve .*--allow put/);
  expect(serving).toHaveLength(1);
  for (const { pid } of serving) sendSignal(pid, 'SIGTERM');
  const what = 'the session to end';
  await waitFor(() => serving.every(({ pid }) => isGone(h1, pid)), { what, timeoutMs: 2000 });
  expect(await push).toMatchObject({ status: 0 });
  cluster.unwrap();
  await cluster.converged();
  invariants.check({ copies: 2, parts: 1 });
});

test('42: SIGTERM ends the payer; debts stay, and the next session starts another one', async () => {
  await setUp();
  cluster.refuse(h2, 'sync');
  const name = cluster.segment();
  expect(await cluster.push(name)).toMatchObject({ status: 0 });
  expect(cluster.debts(h1)).toEqual([name]);
  const payers = () => h1.machine.processes(/archive_remote_cmd pay/);
  const [payer] = await waitFor(() => payers().length === 1 && payers(), { what: 'a payer' });
  sendSignal(payer?.pid ?? 0, 'SIGTERM');
  await waitFor(() => payers().length === 0, { what: 'the payer to end', timeoutMs: 2000 });
  cluster.unwrap();
  expect(await cluster.push(cluster.segment())).toMatchObject({ status: 0 });
  await cluster.converged();
  await waitFor(() => payers().length === 0, { what: 'the payer to have nothing left to do' });
  invariants.check({ copies: 2 });
});

test('44: with few file descriptors a host gives up, and the other one has the file', async () => {
  await setUp();
  let failovers = 0;
  for (let limit = 3; limit <= 15; limit += 1) {
    for (const role of ['put', 'sync'] as const) cluster.wrap(h1, role, ['/usr/bin/prlimit', `--nofile=${limit}`]);
    const name = cluster.segment();
    expect(await cluster.push(name), `${limit} descriptors`).toMatchObject({ status: 0 });
    if (!cluster.has(h1, name)) failovers += 1;
  }
  expect(failovers).toBeGreaterThan(0);
  expect(failovers).toBeLessThan(13);
  cluster.unwrap();
  expect(await cluster.push(cluster.segment())).toMatchObject({ status: 0 });
  await cluster.converged();
  await waitFor(() => cluster.parts(h1).length === 0, { what: 'the sessions to end' });
  invariants.check({ copies: 2 });
});

test('44: with few file descriptors archive_cmd fails, or archives; it never says 0 for nothing', async () => {
  await setUp();
  const statuses: (number | string | null)[] = [];
  for (let limit = 3; limit <= 15; limit += 1) {
    const name = cluster.segment();
    const argv = cluster.data.argv(name, cluster.call({ flags: ['--no-agent'] }));
    const result = await stand.primary.run(['prlimit', `--nofile=${limit}`, ...argv], {
      cwd: cluster.data.path,
      env: cluster.data.environment(),
    });
    statuses.push(result.signal ?? result.status);
    if (result.status === 0) cluster.acknowledge(name);
  }
  expect(statuses).toContain(0);
  expect(statuses.some((status) => status !== 0)).toBe(true);
  await cluster.converged();
  invariants.check({ copies: 2 });
});

test('46: the status is the same with stdout closed and a stderr that is full', async () => {
  await setUp();
  const silent = async (name: string, flags: string[]) => {
    const argv = cluster.data.argv(name, cluster.call({ flags }));
    const options = { cwd: cluster.data.path, env: cluster.data.environment() };
    return await stand.primary.run(['sh', '-c', 'exec "$@" >&- 2>/dev/full', 'sh', ...argv], options);
  };
  for (const flags of [['--no-agent'], []]) {
    const name = cluster.segment();
    expect(await silent(name, flags)).toMatchObject({ status: 0 });
    cluster.acknowledge(name);
    cluster.data.segment(Number.parseInt(name.slice(16), 16));
    expect(await silent(name, flags)).toMatchObject({ status: 15 });
    cluster.data.remove(name);
    expect(await silent(name, flags)).toMatchObject({ status: 11 });
  }
  await cluster.converged();
  invariants.check({ copies: 2 });
});

test('46: an agent whose state directory is on a full disk goes on archiving', async () => {
  await setUp();
  const { stateDirectory } = cluster.data;
  await stand.primary.mountTmpfs(stateDirectory, 8192);
  await stand.primary.check(['chmod', '700', stateDirectory]);
  await stand.primary.run(['dd', 'if=/dev/zero', `of=${stateDirectory}/filler`, 'bs=4096']);
  for (let count = 0; count < 3; count += 1) {
    expect(await pushByAgent(cluster.segment())).toMatchObject({ status: 0, stderr: '' });
  }
  expect(cluster.data.agents()).toHaveLength(1);
  cluster.refuse(h1, 'put');
  await cluster.killSessions(h1);
  expect(await pushByAgent(cluster.segment())).toMatchObject({ status: 0, stderr: '' });
  cluster.unwrap();
  await cluster.converged();
  invariants.check({ copies: 2 });
  await cluster.data.killAgents();
  await stand.primary.unmount(stateDirectory);
});

test('78: lock files and sockets of the dead mean nothing, not even with the pid of somebody alive', async () => {
  await setUp();
  expect(await pushByAgent(cluster.segment())).toMatchObject({ status: 0 });
  const dead = cluster.data.agent();
  await cluster.data.killAgents();
  const left = readdirSync(stand.primary.path(cluster.data.stateDirectory));
  const locks = left.filter((it) => it.endsWith('.lock'));
  expect(locks).toHaveLength(1);
  expect(left.some((it) => it.endsWith('.sock'))).toBe(true);
  for (const lock of locks) stand.primary.writeFile(`${cluster.data.stateDirectory}/${lock}`, '1\n');
  expect(await pushByAgent(cluster.segment())).toMatchObject({ status: 0, stderr: '' });
  expect(cluster.data.agent().pid).not.toBe(dead.pid);

  for (const host of stand.hosts) {
    const peer = cluster.peerOf(host).machine.name;
    host.machine.makeDirectory(`${cluster.directory}/state`, 0o700);
    host.machine.writeFile(`${cluster.directory}/state/lock.pay.${peer}`, '1\n');
  }
  cluster.refuse(h2, 'sync');
  const name = cluster.segment();
  expect(await cluster.push(name)).toMatchObject({ status: 0 });
  expect(cluster.debts(h1)).toEqual([name]);
  cluster.unwrap();
  await cluster.converged();
  invariants.check({ copies: 2 });
});

test.each([
  ['ten years ahead', 10 * 365 * 86_400],
  ['a day behind', -86_400],
])(
  '79: a primary whose clock is %s archives; the host remembers no time beyond its own',
  async (_what, offsetSeconds) => {
    await setUp();
    const name = cluster.segment();
    const seconds = Math.floor(Date.now() / 1000) + offsetSeconds;
    utimesSync(stand.primary.path(`${cluster.data.path}/pg_wal/${name}`), seconds, seconds);
    // A failure that is remembered from another time must not make a host wait for years.
    const failedAtMs = seconds * 1000;
    const records = { arch1: { failures: 3, failedAtMs }, arch2: { failures: 3, failedAtMs } };
    const remembered = JSON.stringify({ version: 1, hosts: records });
    stand.primary.writeFile(`${cluster.data.stateDirectory}/cooldown.json`, remembered);
    expect(await cluster.push(name)).toMatchObject({ status: 0, stderr: '' });
    expect(existsSync(cluster.path(h1, `logs.complete/${name}`))).toBe(true);
    for (const host of stand.hosts) {
      const times = await host.machine.check(['stat', '-c', '%Y', `${cluster.walDirectory}/${name}`]);
      expect(Number(times)).toBeLessThanOrEqual(Math.min(seconds, Date.now() / 1000));
    }
    await cluster.converged();
    invariants.check({ copies: 2 });
  },
);
