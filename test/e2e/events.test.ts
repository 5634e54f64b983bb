import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { AgentMetrics } from '../../packages/core/src/agent/agent-metrics.ts';
import { parseAgentMetrics } from '../../packages/core/src/agent/agent-metrics-text.ts';
import type { ArchiveHost } from '../support/archive-host.ts';
import { ArchiveStand } from '../support/archive-stand.ts';
import { DataDirectory } from '../support/data-directory.ts';
import type { Machine } from '../support/machine.ts';
import { BIN_DIRECTORY } from '../support/repository.ts';
import { RestoringDirectory } from '../support/restoring-directory.ts';
import { waitFor } from '../support/wait-for.ts';

const MIB = 1024 ** 2;
const STATUS = `${BIN_DIRECTORY}/archive-status`;
const CLUSTER_DIRECTORY = '/archive/main';
/** A host is given up after two failures, and tried again after a second; on a busy computer it may be slow to be there. */
const SHORT = ['--retry-count=2', '--cooldown-time=1', '--connect-timeout=10', '--preferred-wait=3'];

/** An event, as `archive-status events --json` prints it. */
interface Told {
  at: string;
  event: string;
  severity: string;
  [fact: string]: unknown;
}

let stand: ArchiveStand;
let restorer: Machine;
let data: DataDirectory;
let files = 0;

beforeAll(async () => {
  stand = await ArchiveStand.create({ serveFlags: ['--probe-interval', '0.2', '--peer-cooldown', '1'] });
  restorer = await stand.stand.machine('restorer');
  await stand.admit(restorer, 'get');
});

afterEach(async () => {
  await data.killAgents();
  await stand.waitForNoDebts();
});

afterAll(async () => {
  await stand?.close();
});

function newDirectory(name: string): void {
  data = new DataDirectory(stand, name);
}

function newFile() {
  files += 1;
  return data.segment(files);
}

async function archive(count = 1, flags: string[] = SHORT): Promise<(number | null)[]> {
  const statuses = [];
  for (let n = 0; n < count; n += 1) statuses.push((await data.archive(newFile().name, { flags })).status);
  return statuses;
}

async function toldBy(machine: Machine, ...args: string[]): Promise<Told[]> {
  const output = await machine.check([STATUS, 'events', '--json', '--newest=1000', ...args]);
  return output
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Told);
}

const toldByServer = () => toldBy(data.machine, '--local', `--state-dir=${data.stateDirectory}`);
const toldByHost = ({ machine }: ArchiveHost) =>
  toldBy(machine, '--local', '--state-dir=/nonexistent', `--cluster-dir=${CLUSTER_DIRECTORY}`);
const namesOf = (told: readonly Told[]) => told.map(({ event }) => event);

/** The events of these names, as soon as there are as many as are expected. */
async function eventually(read: () => Promise<Told[]>, names: readonly string[], count: number): Promise<Told[]> {
  let chosen: Told[] = [];
  const areThere = async () => {
    chosen = (await read()).filter(({ event }) => names.includes(event));
    if (chosen.length < count) throw new Error(`told so far: ${namesOf(chosen).join(' ')}`);
    return true;
  };
  await waitFor(areThere, { what: `${names.join(', ')} to be told`, timeoutMs: 15_000, intervalMs: 200 });
  return chosen;
}

function metricsIn(machine: Machine, stateDirectory: string): AgentMetrics {
  const directory = machine.path(stateDirectory);
  const [name = 'none'] = readdirSync(directory).filter(
    (each) => each.endsWith('.metrics.json') && !each.startsWith('.'),
  );
  return parseAgentMetrics(readFileSync(`${directory}/${name}`, 'utf8'));
}

const metrics = () => metricsIn(data.machine, data.stateDirectory);

describe('the counters of archive_cmd’s agent', () => {
  test('are what was shipped, over the agent’s death and its next life', async () => {
    newDirectory('counted');
    const names = Array.from({ length: 20 }, () => newFile().name);
    for (const name of names) data.markReady(name);
    for (const name of names) {
      expect(await data.archive(name, { flags: ['--pwals=8'] })).toMatchObject({ status: 0 });
      rmSync(data.machine.path(`${data.path}/pg_wal/archive_status/${name}.ready`));
    }
    await expect.poll(() => metrics().push?.shipped, { timeout: 10_000 }).toBe(20);
    const { push, hosts, cluster } = metrics();
    expect(cluster).toBe('main');
    expect(push).toMatchObject({ failed: 0, failedCalls: 0, retries: 0, underWay: 0, bytes: 20 * MIB });
    expect(push?.seconds.counts.reduce((sum, count) => sum + count, 0)).toBe(20);
    expect(push?.seconds.sum).toBeGreaterThan(0.01);
    expect(hosts.map(({ host }) => host)).toEqual(['arch1', 'arch2']);
    expect(hosts.reduce((sum, host) => sum + host.files, 0)).toBe(20);

    await data.killAgents();
    expect(metrics().endedMs).toBeUndefined();
    expect(await archive(3, [])).toEqual([0, 0, 0]);
    const env = data.environment();
    await data.machine.check([`${BIN_DIRECTORY}/archive_cmd`, 'agent', 'stop'], { env });
    await waitFor(() => metrics().endedMs !== undefined, { what: 'the agent to have ended' });
    expect(metrics().push).toMatchObject({ shipped: 23, bytes: 23 * MIB });
    const lives = (await toldByServer()).map(({ event, role, reason }) => [event, role, reason]);
    expect(lives).toEqual([
      ['agent-started', 'push', undefined],
      ['agent-started', 'push', undefined],
      ['agent-ended', 'push', 'asked to stop'],
    ]);
  });
});

describe('a host that goes away and comes back', () => {
  test('is told on the server, and its debts on the host that has them, each thing once', async () => {
    newDirectory('away');
    const beganMs = Date.now();
    const toldByPeer = async () => (await toldByHost(stand.arch2)).filter(({ at }) => Date.parse(at) >= beganMs);
    expect(await archive(2)).toEqual([0, 0]);
    await stand.arch1.killSshd();
    expect(await archive(6)).toEqual([0, 0, 0, 0, 0, 0]);
    const gone = ['host-failed', 'cooldown-began', 'host-switched'];
    const away = await eventually(toldByServer, gone, 3);
    const failed = away.find(({ event }) => event === 'host-failed');
    expect(failed).toMatchObject({ severity: 'warning', host: 'arch1', role: 'push', cluster: 'main' });
    expect(namesOf(away).toSorted()).toEqual(gone.toSorted());
    expect(away.find(({ event }) => event === 'host-switched')).toMatchObject({ from: 'arch1', to: 'arch2' });
    const owed = await eventually(toldByPeer, ['debts-recorded', 'peer-away'], 2);
    expect(owed).toMatchObject([
      { event: 'debts-recorded', peer: 'arch1' },
      { event: 'peer-away', peer: 'arch1' },
    ]);
    // The file is written once a second.
    const refused = { host: 'arch1', lastFailure: expect.stringContaining('refused') };
    await expect.poll(() => metrics().hosts[0], { timeout: 5000 }).toMatchObject(refused);
    await expect.poll(() => metrics().hosts[0]?.failures, { timeout: 5000 }).toBeGreaterThanOrEqual(2);
    await expect.poll(() => metrics().hosts[1]?.debts, { timeout: 5000 }).toBeGreaterThanOrEqual(6);

    await stand.arch1.startSshd();
    await stand.waitForNoDebts();
    const paid = await eventually(toldByPeer, ['peer-back', 'debts-paid'], 2);
    expect(paid).toMatchObject([{ event: 'peer-back' }, { event: 'debts-paid', peer: 'arch1' }]);
    expect(Number(paid[1]?.['count'])).toBeGreaterThanOrEqual(6);
    await waitFor(
      async () => {
        await archive(1);
        return namesOf(await toldByServer()).includes('host-back');
      },
      { what: 'the server to ask the host again', timeoutMs: 20_000, intervalMs: 200 },
    );
    await archive(1);
    const back = await eventually(toldByServer, ['cooldown-ended', 'host-back', 'host-switched'], 4);
    expect(namesOf(back).filter((event) => event !== 'host-switched')).toEqual(['cooldown-ended', 'host-back']);
    expect(back.at(-1)).toMatchObject({ event: 'host-switched', severity: 'info', from: 'arch2', to: 'arch1' });
    const cooling = () => metrics().hosts.map(({ coolingUntilMs }) => coolingUntilMs);
    await expect.poll(cooling, { timeout: 5000 }).toEqual([undefined, undefined]);
  });

  test('with the other one is a call that fails, told once, and once that it works again', async () => {
    newDirectory('none');
    expect(await archive()).toEqual([0]);
    for (const host of stand.hosts) await host.killSshd();
    const { name } = newFile();
    for (let call = 0; call < 4; call += 1) {
      expect((await data.archive(name, { flags: SHORT })).status).toBeGreaterThan(0);
    }
    for (const host of stand.hosts) await host.startSshd();
    const works = async () => (await data.archive(name, { flags: SHORT })).status === 0;
    await waitFor(works, { what: 'the file to be archived', timeoutMs: 20_000 });
    const told = await eventually(toldByServer, ['archiving-failed', 'archiving-resumed'], 2);
    expect(told[0]).toMatchObject({ event: 'archiving-failed', severity: 'error', name });
    expect(told.at(-1)).toMatchObject({ event: 'archiving-resumed', name });
    expect(Number(told.at(-1)?.['failedCalls'])).toBeGreaterThanOrEqual(4);
    // One for each reason that there was, not for each call.
    const codes = told.slice(0, -1).map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
    const failedCalls = told.at(-1)?.['failedCalls'];
    await expect.poll(() => metrics().push?.failedCalls, { timeout: 5000 }).toBe(failedCalls);
    expect(metrics().lastFailure).toMatchObject({ name });
  });
});

describe('a conflict', () => {
  test('is told on the server and on the host, once, and shown with those of both hosts elsewhere', async () => {
    newDirectory('split');
    const { name } = newFile();
    expect(await data.archive(name)).toMatchObject({ status: 0 });
    data.remove(name);
    data.segment(files);
    for (let call = 0; call < 3; call += 1) expect((await data.archive(name)).status).toBe(15);
    const [failed] = await eventually(toldByServer, ['archiving-failed'], 1);
    expect(failed).toMatchObject({ code: 'conflict', name });
    const remote = () =>
      toldBy(
        restorer,
        '--cluster=main',
        `--cluster-dir=${CLUSTER_DIRECTORY}`,
        '--hosts=arch1 arch2',
        `--remote-cmd=${BIN_DIRECTORY}/archive_remote_cmd`,
      );
    const told = await eventually(remote, ['conflict'], 1);
    // By the peer, to which it was forwarded, or by both; by each once.
    expect(new Set(told.map(({ on }) => on)).size).toBe(told.length);
    for (const each of told) expect(each).toMatchObject({ severity: 'error', cluster: 'main', name });
    // What happened on the other host before is there, too: the logs are one.
    expect(namesOf(await remote())).toContain('debts-paid');
    const people = await restorer.check([
      STATUS,
      'events',
      '--cluster=main',
      `--cluster-dir=${CLUSTER_DIRECTORY}`,
      '--hosts=arch1 arch2',
      `--remote-cmd=${BIN_DIRECTORY}/archive_remote_cmd`,
      '--severity=error',
    ]);
    expect(people).toMatch(new RegExp(`^\\d{4}-.* main error: conflict name=${name} newcomerDigest=`, 'm'));
  });
});

describe('a log that cannot be written', () => {
  test('stops no archiving: the state directory is full, or has something else in its place', async () => {
    newDirectory('full');
    const { machine, stateDirectory } = data;
    await machine.mountTmpfs(stateDirectory, 64 * 1024);
    // An agent uses no directory that others may enter.
    machine.makeDirectory(stateDirectory, 0o700);
    expect(await archive(2)).toEqual([0, 0]);
    expect(data.agents()).toHaveLength(1);
    await machine.run(['sh', '-c', `cat /dev/zero >${stateDirectory}/full`]);
    await stand.arch1.killSshd();
    expect(await archive(4)).toEqual([0, 0, 0, 0]);
    await stand.arch1.startSshd();
    expect(await archive(2)).toEqual([0, 0]);
    await data.killAgents();
    await machine.unmount(stateDirectory);
    machine.makeDirectory(stateDirectory, 0o700);

    const blocked = machine.path(`${stateDirectory}/events.jsonl`);
    mkdirSync(blocked);
    expect(await archive(2)).toEqual([0, 0]);
    await waitFor(() => data.agentLog().includes('events not written'), { what: 'the log to say so' });
    expect(data.agentLog().match(/events not written/g)).toHaveLength(1);
    rmSync(blocked, { recursive: true });
  });

  test('on an archive host refuses nothing, and takes nothing that is to be refused', async () => {
    newDirectory('blocked');
    const path = stand.arch1.machine.path(`${CLUSTER_DIRECTORY}/state/events.jsonl`);
    const before = readFileSync(path);
    rmSync(path);
    mkdirSync(path);
    const { name } = newFile();
    expect(await data.archive(name)).toMatchObject({ status: 0 });
    data.remove(name);
    data.segment(files);
    expect((await data.archive(name)).status).toBe(15);
    expect(await archive(2)).toEqual([0, 0]);
    rmSync(path, { recursive: true });
    writeFileSync(path, before, { mode: 0o600 });
    await stand.arch1.machine.check(
      ['chown', '--reference', CLUSTER_DIRECTORY, `${CLUSTER_DIRECTORY}/state/events.jsonl`],
      { user: 'root' },
    );
  });
});

describe('the notify command', () => {
  const notify = (...args: string[]) => [STATUS, 'notify', `--state-dir=${data.stateDirectory}`, '--settle=0', ...args];

  test('gets what happened since the last time, and a second one nothing', async () => {
    newDirectory('told');
    const out = `${data.path}/out`;
    const once = notify(
      '--once',
      '--severity=error',
      '--run',
      `cat >>${out}; printf '%s\\n' "$ARCHIVE2_SUBJECT" >>${out}`,
    );
    expect((await data.machine.run(once)).status).toBe(0);
    expect((await data.archive('000000010000000000000099')).status).toBeGreaterThan(0);
    await eventually(toldByServer, ['archiving-failed'], 1);
    for (let run = 0; run < 2; run += 1) expect((await data.machine.run(once)).status).toBe(0);
    const [json = '', subject, ...more] = readFileSync(data.machine.path(out), 'utf8').split('\n');
    expect(JSON.parse(json)).toMatchObject({
      version: 1,
      severity: 'error',
      count: 1,
      events: [{ event: 'archiving-failed' }],
    });
    expect(subject).toMatch(/: main: error: archiving-failed$|: error: archiving-failed$/);
    expect(more).toEqual(['']);
  });

  test('that hangs holds nobody up, and SIGTERM ends the notifier with all that it started', async () => {
    newDirectory('hanging');
    expect(await archive()).toEqual([0]);
    const run = notify('--every=0', '--run', `echo began >>${data.path}/began; exec sleep 500`);
    const program = data.machine.spawn(run);
    const state = data.machine.path(`${data.stateDirectory}/notify-default.json`);
    await waitFor(() => readFileSync(state, 'utf8').includes('cursors'), { what: 'the notifier to have its place' });
    expect((await data.machine.run(notify('--once', '--run', 'true'))).status).toBe(40);
    expect((await data.archive('000000010000000000000098')).status).toBeGreaterThan(0);
    const began = data.machine.path(`${data.path}/began`);
    await waitFor(() => readFileSync(began, 'utf8') === 'began\n', { what: 'the command to run', timeoutMs: 10_000 });
    const startedMs = performance.now();
    expect(await archive(3)).toEqual([0, 0, 0]);
    expect(performance.now() - startedMs).toBeLessThan(5000);
    await program.signal();
    expect((await program.ended).status).toBe(0);
    await waitFor(() => data.machine.processes('sleep 500').length === 0, { what: 'the command to be ended' });
    // It was not done: it is told again.
    expect((await data.machine.run(notify('--once', '--run', `echo again >>${data.path}/began`))).status).toBe(0);
    expect(readFileSync(began, 'utf8')).toBe('began\nagain\n');
  });
});

describe('the counters and events of restore_cmd’s agent', () => {
  test('are what was delivered, absent, unknown and damaged', async () => {
    newDirectory('source');
    const names = Array.from({ length: 12 }, () => newFile().name);
    for (const name of names) expect(await data.archive(name)).toMatchObject({ status: 0 });
    const standby = new RestoringDirectory(stand, restorer, 'standby', 'standby', data.systemIdentifier);
    const call = { flags: ['--cooldown-time=1', '--connect-timeout=10'] };
    await standby.restoreAll(names, call);
    const read = () => metricsIn(restorer, standby.stateDirectory);
    await waitFor(() => read().get?.delivered === 12, { what: 'the counters to be written' });
    const { get, hosts } = read();
    expect((get?.prefetchHits ?? 0) + (get?.prefetchMisses ?? 0)).toBe(12);
    expect(get?.prefetchHits).toBeGreaterThan(6);
    expect(hosts.reduce((sum, host) => sum + host.files, 0)).toBe(12);

    const next = '000000010000000000000FF0';
    expect((await standby.restore(next, call)).status).toBe(1);
    await waitFor(() => read().get?.absent === 1, { what: 'the absent one to be counted' });
    const told = () => toldBy(restorer, '--local', `--state-dir=${standby.stateDirectory}`);
    await stand.arch2.killSshd();
    for (let n = 0; n < 3; n += 1) expect((await standby.restore(next, call)).status).toBe(1);
    const [unknown] = await eventually(told, ['answer-unknown'], 1);
    expect(unknown).toMatchObject({ severity: 'warning', because: 'doubt', name: next, asker: 'standby' });
    await stand.arch2.startSshd();
    const isKnown = async () => {
      await standby.restore(next, call);
      return namesOf(await told()).includes('answer-known');
    };
    await waitFor(isKnown, { what: 'the answer to be known again', timeoutMs: 20_000, intervalMs: 300 });
    expect(namesOf(await told()).filter((event) => event === 'answer-unknown')).toHaveLength(1);
    await expect.poll(() => read().get?.unknown, { timeout: 5000 }).toBeGreaterThanOrEqual(1);
    await standby.killAgents();

    const [damaged = ''] = names;
    for (const { machine } of stand.hosts.slice(0, 1)) {
      appendFileSync(machine.path(`${stand.walDirectory}/${damaged}`), 'more');
    }
    const other = new RestoringDirectory(stand, restorer, 'other', 'standby', data.systemIdentifier);
    expect((await other.restore(damaged, { hosts: 'arch1' })).status).toBe(1);
    const ofOther = () => toldBy(restorer, '--local', `--state-dir=${other.stateDirectory}`);
    const [met] = await eventually(ofOther, ['copy-damaged'], 1);
    expect(met).toMatchObject({ name: damaged, host: 'arch1', foundBy: 'restore_cmd' });
    const repaired = await eventually(() => toldByHost(stand.arch1), ['copy-damaged', 'repaired'], 2);
    expect(repaired.slice(-2)).toMatchObject([
      { event: 'copy-damaged', name: damaged, foundBy: 'reader' },
      { event: 'repaired', name: damaged },
    ]);
    await other.killAgents();
  });
});
