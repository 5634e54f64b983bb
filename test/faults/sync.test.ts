import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ArchiveHost } from '../support/archive-host.ts';
import { ArchiveStand } from '../support/archive-stand.ts';
import { DataDirectory } from '../support/data-directory.ts';
import { FaultCluster } from '../support/fault-cluster.ts';
import { Invariants } from '../support/invariants.ts';
import { sendSignal } from '../support/kill.ts';
import type { Program, ProgramResult } from '../support/program.ts';
import { BIN_DIRECTORY } from '../support/repository.ts';
import { waitFor } from '../support/wait-for.ts';

const REMOTE = `${BIN_DIRECTORY}/archive_remote_cmd`;

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

/** A cluster whose hosts both have these many segments. */
async function setUp(segments: number): Promise<string[]> {
  cluster = await FaultCluster.create(stand);
  invariants = new Invariants(cluster);
  const names: string[] = [];
  for (let count = 0; count < segments; count += 1) {
    const name = cluster.segment();
    expect(await cluster.push(name)).toMatchObject({ status: 0, stderr: '' });
    names.push(name);
  }
  await cluster.converged();
  return names;
}

function words(host: ArchiveHost, flags: readonly string[]): string[] {
  const peer = cluster.peerOf(host).machine.name;
  return [`${BIN_DIRECTORY}/wal-sync`, cluster.walDirectory, peer, '--remote-cmd', REMOTE, ...flags];
}

async function sync(host: ArchiveHost, ...flags: string[]): Promise<ProgramResult> {
  return await host.machine.run(words(host, flags));
}

function startSync(host: ArchiveHost, ...flags: string[]): Program {
  return host.machine.spawn(words(host, flags));
}

const stored = (host: ArchiveHost, name: string) => cluster.path(host, `logs.complete/${name}`);

/** Flips a bit in the middle of what is stored, as a disk does: the size stays. */
function rot(host: ArchiveHost, name: string): void {
  const bytes = readFileSync(stored(host, name));
  const middle = Math.floor(bytes.length / 2);
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
  writeFileSync(stored(host, name), bytes);
}

function conflict(host: ArchiveHost, ...what: string[]): Promise<ProgramResult> {
  return host.machine.run([REMOTE, 'conflict', ...what, '--dir', cluster.directory, '--cluster', cluster.name]);
}

/** Another server that archives to the same place: a clone of the first one that went its own way. */
function rival(): DataDirectory {
  return new DataDirectory(stand, `${cluster.name}-rival`, { systemIdentifier: cluster.data.systemIdentifier });
}

const number = (name: string) => Number.parseInt(name.slice(16), 16);

test('32: bits that rot after the answer are found by reading, on either host, and come back from the other one', async () => {
  const names = await setUp(6);
  rot(h1, names[1]!);
  rot(h2, names[4]!);
  expect(await sync(h1), 'names and sizes are equal').toMatchObject({ status: 0 });
  const result = await sync(h1, '--checksum', '--json');
  expect(JSON.parse(result.stdout)).toMatchObject({ compared: 6, repairedHere: [names[1]], repairedThere: [names[4]] });
  expect(result.status).toBe(0);
  expect(cluster.quarantine(h1)).toEqual([expect.stringContaining(`${names[1]}.damaged-`)]);
  expect(cluster.quarantine(h2)).toEqual([expect.stringContaining(`${names[4]}.damaged-`)]);
  invariants.check({ copies: 2 });
});

test('32: with every run a part of the files is read, so that rot is found without being asked for', async () => {
  const names = await setUp(6);
  await sync(h1);
  rot(h2, names[3]!);
  // Six files within half a second.
  const days = String(0.5 / 86_400);
  const isFound = async () => (await sync(h1, '--scrub-days', days)).stdout.includes('repaired 1');
  await waitFor(isFound, { what: 'the rotation to come to the file', timeoutMs: 30_000 });
  invariants.check({ copies: 2 });
});

test('33: files deleted by hand come back, on either host, also those without a debt and long ago', async () => {
  const names = await setUp(8);
  for (const name of names.slice(0, 3)) rmSync(stored(h1, name));
  for (const name of names.slice(4, 6)) rmSync(stored(h2, name));
  const dry = await sync(h2, '--dry-run');
  expect(dry).toMatchObject({ status: 42 });
  expect(dry.stdout).toContain('would have fetched 2');
  expect(cluster.names(h1)).toEqual(names.slice(3));
  const result = await sync(h2);
  expect(result.stdout).toMatch(/^equal with arch1: fetched 2 .*, sent 3 .*, holes 0, debts left 0, /);
  expect(result).toMatchObject({ status: 0, stderr: '' });
  invariants.check({ copies: 2 });
});

test('75: syncs on both hosts beside pushes', async () => {
  await setUp(1);
  const load = { isOver: false };
  const syncing = stand.hosts.map(async (host) => {
    const statuses: (number | null)[] = [];
    while (!load.isOver) statuses.push((await sync(host, '--checksum')).status);
    return statuses;
  });
  for (let count = 0; count < 25; count += 1) {
    expect(await cluster.push(cluster.segment())).toMatchObject({ status: 0, stderr: '' });
  }
  load.isOver = true;
  const statuses = (await Promise.all(syncing)).flat();
  expect(statuses.length).toBeGreaterThan(2);
  expect(new Set(statuses)).toEqual(new Set([0]));
  await cluster.converged();
  expect(stand.hosts.map((host) => cluster.quarantine(host))).toEqual([[], []]);
  invariants.check({ copies: 2 });
});

test('76: two syncs from both ends at once make the hosts equal; a second one on the same host leaves', async () => {
  const [damaged = '', ...names] = await setUp(13);
  names.forEach((name, index) => rmSync(stored(index % 2 === 0 ? h1 : h2, name)));
  truncateSync(stored(h1, damaged), 700);
  const results = await Promise.all([sync(h1), sync(h2), sync(h1)]);
  const [first, second, third] = results.map(({ status }) => status);
  expect(second).toBe(0);
  // The third one came while the first was at work, or after it.
  expect([0, 40]).toContain(first);
  expect([0, 40]).toContain(third);
  expect(await sync(h1)).toMatchObject({ status: 0 });
  invariants.check({ copies: 2, parts: 0 });
});

test('the peer dies in the middle of a sync: the next one goes on where it was', async () => {
  const names = await setUp(16);
  for (const name of names) rmSync(stored(h2, name));
  const running = startSync(h1, '--repair-rate=2');
  await waitFor(() => cluster.names(h2).length >= 3, { what: 'some files to arrive', intervalMs: 5 });
  await cluster.killSessions(h2);
  const result = await running.endWithin(20_000);
  expect(result.status).toBeOneOf([20, 21]);
  const arrived = cluster.names(h2);
  expect(arrived.length).toBeLessThan(names.length);
  expect(arrived, 'in their order: no hole').toEqual(names.slice(0, arrived.length));
  const again = await sync(h1, '--json');
  expect(again.status).toBe(0);
  expect(JSON.parse(again.stdout)).toMatchObject({ sent: { files: names.length - arrived.length } });
  invariants.check({ copies: 2, parts: 8 });
});

test('a sync that is killed leaves nothing that the next one minds', async () => {
  const names = await setUp(16);
  for (const name of names) rmSync(stored(h1, name));
  const running = startSync(h1, '--repair-rate=2');
  await waitFor(() => cluster.names(h1).length >= 3, { what: 'some files to arrive', intervalMs: 5 });
  for (const { pid } of h1.machine.processes('wal-sync')) sendSignal(pid);
  await running.endWithin(20_000);
  expect(cluster.names(h1).length).toBeLessThan(names.length);
  expect(await sync(h1)).toMatchObject({ status: 0 });
  invariants.check({ copies: 2, parts: 8 });
});

test('a host that was replaced by an empty machine is filled by one sync, and archiving goes on', async () => {
  const names = await setUp(10);
  rmSync(cluster.path(h1, ''), { recursive: true });
  await h1.machine.check([REMOTE, 'init', '--dir', cluster.directory, '--cluster', cluster.name]);
  const result = await sync(h1, '--cluster', cluster.name);
  expect(result).toMatchObject({ status: 0 });
  expect(cluster.names(h1)).toEqual(names);
  const identity = (host: ArchiveHost) => JSON.parse(readFileSync(cluster.path(host, 'cluster.json'), 'utf8'));
  expect(identity(h1).systemIdentifier).toBe(identity(h2).systemIdentifier);
  expect(await cluster.push(cluster.segment())).toMatchObject({ status: 0, stderr: '' });
  await cluster.converged();
  invariants.check({ copies: 2 });
});

test('two contents of one name are kept on both hosts; a person settles it, and archiving goes on', async () => {
  await setUp(2);
  const other = rival();
  const name = cluster.segment();
  other.segment(number(name));
  for (const host of stand.hosts) cluster.refuse(host, 'sync');
  expect(await cluster.push(name, { hosts: 'arch1' })).toMatchObject({ status: 0 });
  const call = cluster.call({ flags: ['--no-agent'], hosts: 'arch2' });
  expect(await other.archive(name, call)).toMatchObject({ status: 0 });
  cluster.unwrap();
  const result = await sync(h1, '--checksum');
  expect(result).toMatchObject({ status: 15 });
  expect(result.stdout).toContain(`conflict  ${name}: two contents, differing from page `);
  expect(stand.hosts.map((host) => cluster.quarantine(host).length)).toEqual([1, 1]);
  const shown = await conflict(h1, 'show', name);
  expect(shown.stdout).toContain(`system identifier ${cluster.data.systemIdentifier}, begins on timeline 1`);
  expect(await sync(h2)).toMatchObject({ status: 15 });

  // The first host is right.
  expect(await conflict(h1, 'keep-stored', name)).toMatchObject({ status: 0 });
  expect(await conflict(h2, 'use-new', name)).toMatchObject({ status: 0 });
  expect(await sync(h1, '--checksum')).toMatchObject({ status: 0 });
  const events = readFileSync(cluster.path(h2, 'state/events.jsonl'), 'utf8').trim().split('\n');
  expect(JSON.parse(events.at(-1) ?? '')).toMatchObject({ event: 'conflict-use-new', name });
  expect(await cluster.push(name)).toMatchObject({ status: 0, stderr: '' });
  expect(await cluster.push(cluster.segment())).toMatchObject({ status: 0, stderr: '' });
  await cluster.converged();
  invariants.check({ copies: 2 });
});

test('a host that was down is paid without anybody’s call, at the rate that it may have, and resumes after a kill', async () => {
  await setUp(1);
  for (const role of ['put', 'sync'] as const) cluster.refuse(h2, role);
  cluster.wrap(h1, 'put', [], ['--repair-rate=1']);
  const names = Array.from({ length: 6 }, () => cluster.segment());
  for (const name of names) expect(await cluster.push(name)).toMatchObject({ status: 0 });
  expect(cluster.debts(h1)).toEqual(names);
  for (const role of ['put', 'sync'] as const) cluster.wrap(h2, role, []);
  const startedMs = performance.now();
  await waitFor(() => cluster.debts(h1).length <= 4, { what: 'some debts to be paid', timeoutMs: 30_000 });
  for (const { pid } of h1.machine.processes('archive_remote_cmd pay')) sendSignal(pid);
  const paid = names.length - cluster.debts(h1).length;
  // The next session finds them, and starts another payer.
  const next = cluster.segment();
  expect(await cluster.push(next)).toMatchObject({ status: 0 });
  await cluster.converged(60_000);
  // About a MiB each, at a MiB a second.
  expect(performance.now() - startedMs).toBeGreaterThan((names.length - 2) * 900);
  expect(paid).toBeLessThan(names.length);
  invariants.check({ copies: 2, parts: 2 });
});
