import { chownSync, existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ArchiveStand, sha256 } from '../support/archive-stand.ts';
import { type ArchiveCall, DataDirectory } from '../support/data-directory.ts';
import { PostgresCluster } from '../support/postgres-cluster.ts';
import { BIN_DIRECTORY } from '../support/repository.ts';
import { waitFor } from '../support/wait-for.ts';

let stand: ArchiveStand;
let data: DataDirectory;
let files = 0;
let directories = 0;

beforeAll(async () => {
  stand = await ArchiveStand.create({ serveFlags: ['--probe-interval', '0.3', '--peer-cooldown', '1'] });
});

afterEach(async () => {
  await data.killAgents();
  await stand.waitForNoDebts();
});

afterAll(async () => {
  await stand?.close();
});

/** A data directory without an agent. */
function newDirectory(): DataDirectory {
  directories += 1;
  data = new DataDirectory(stand, `data${directories}`);
  return data;
}

function newFile() {
  files += 1;
  return data.segment(files);
}

async function expectArchived(file: { name: string; content: Buffer }, call?: ArchiveCall) {
  expect(await data.archive(file.name, call)).toMatchObject({ status: 0, stderr: '' });
  expect(stand.digests(file.name)).toEqual([sha256(file.content), sha256(file.content)]);
}

const isGone = (pid: number) =>
  !existsSync(`/proc/${pid}`) || readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');

/** How long a process takes to end, from now. */
async function timeToEnd(pid: number): Promise<number> {
  const startedMs = performance.now();
  await waitFor(() => isGone(pid), { what: `process ${pid} to end`, intervalMs: 5 });
  return performance.now() - startedMs;
}

describe('an agent comes to be', () => {
  test('on demand, and answers the next calls', async () => {
    newDirectory();
    expect(data.agents()).toEqual([]);
    await expectArchived(newFile());
    const { pid } = data.agent();
    await expectArchived(newFile());
    expect(data.agent().pid).toBe(pid);
  });

  test('once for a data directory, though five clients start at the same time', async () => {
    newDirectory();
    const five = [newFile(), newFile(), newFile(), newFile(), newFile()];
    const results = await Promise.all(five.map(({ name }) => data.archive(name)));
    expect(results.map(({ status }) => status)).toEqual([0, 0, 0, 0, 0]);
    await waitFor(() => data.agents().length === 1, { what: 'the other agents to find the lock taken' });
    for (const { name, content } of five) expect(stand.digests(name)).toEqual([sha256(content), sha256(content)]);
    expect(data.agentLog().match(/agent started/g)).toHaveLength(1);
  });

  test('once, however the data directory is called', async () => {
    newDirectory();
    await expectArchived(newFile());
    await stand.primary.check(['ln', '-sfn', data.path, '/var/lib/postgresql/alias']);
    const { name } = newFile();
    const argv = data.argv(name);
    const result = await stand.primary.run(argv, { cwd: '/var/lib/postgresql/alias', env: data.environment() });
    expect(result.status).toBe(0);
    expect(stand.primary.processes('archive_cmd agent run')).toHaveLength(1);
  });

  test('for itself alone: of what its client had, nothing is kept', async () => {
    newDirectory();
    const { name } = newFile();
    const secrets = {
      PGPASSWORD: 'secret1',
      PGUSER: 'secret2',
      BUN_CONFIG_VERBOSE_FETCH: 'secret3',
      NODE_OPTIONS: '--title=secret4',
      AWS_SECRET_ACCESS_KEY: 'secret5',
      LD_BIND_NOW: '1',
      MIMALLOC_PURGE_DELAY: '7',
    };
    const script = 'exec 7</etc/passwd 8>/tmp/held; "$@"';
    const result = await stand.primary.run(['sh', '-c', script, 'sh', ...data.argv(name)], {
      cwd: data.path,
      env: data.environment(secrets),
    });
    expect(result).toMatchObject({ status: 0 });

    const { pid } = data.agent();
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    expect({ session: Number(fields[3]), terminal: fields[4] }).toEqual({ session: pid, terminal: '0' });
    expect(data.agent().cwd).toBe('/');
    const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean);
    const expected = /^(PATH|HOME|USER|LOGNAME|LANG|ARCHIVE2_STATE_DIR)=/;
    // What it is started with for its runtime.
    expect(variables.filter((variable) => !expected.test(variable)).toSorted()).toEqual([
      'BUN_JSC_thresholdForJITAfterWarmUp=100',
      'BUN_JSC_thresholdForOptimizeAfterWarmUp=400',
      'MIMALLOC_PURGE_DELAY=10000',
    ]);
    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    expect(open.filter((target) => target.startsWith('pipe:') || /passwd|held|pg_wal/.test(target))).toEqual([]);
    for (const fd of [0, 1, 2]) expect(readlinkSync(`/proc/${pid}/fd/${fd}`)).toBe('/dev/null');
    for (const file of readdirSync(stand.primary.path(data.stateDirectory)).filter((name) => !name.endsWith('.sock'))) {
      expect((statSync(stand.primary.path(`${data.stateDirectory}/${file}`)).mode & 0o077).toString(8)).toBe('0');
    }
  });

  test('not where others could have put its socket: the file is shipped without one', async () => {
    const spoil: Record<string, () => void | Promise<unknown>> = {
      'may be entered by others': () => stand.primary.makeDirectory(data.stateDirectory, 0o755),
      'belongs to another user': () => chownSync(stand.primary.path(data.stateDirectory), 0, 0),
      'is a link': () =>
        stand.primary.check(
          [
            'sh',
            '-c',
            `mv ${data.stateDirectory} ${data.stateDirectory}.x && ln -s ${data.stateDirectory}.x ${data.stateDirectory}`,
          ],
          { user: 'root' },
        ),
      'is a file': () =>
        stand.primary.check(['sh', '-c', `rmdir ${data.stateDirectory} && touch ${data.stateDirectory}`], {
          user: 'root',
        }),
    };
    for (const [how, make] of Object.entries(spoil)) {
      newDirectory();
      await make();
      const file = newFile();
      const { status, stderr } = await data.archive(file.name);
      expect({ how, status, stderr }).toEqual({ how, status: 0, stderr: '' });
      expect(stand.digests(file.name)).toEqual([sha256(file.content), sha256(file.content)]);
      expect({ how, agents: data.agents() }).toEqual({ how, agents: [] });
    }
  });

  test('not outside a data directory', async () => {
    newDirectory();
    const { name } = newFile();
    const argv = data.argv(name, { path: `${data.path}/pg_wal/${name}` });
    expect(await stand.primary.run(argv, { cwd: '/', env: data.environment() })).toMatchObject({ status: 0 });
    expect(stand.primary.processes('archive_cmd agent run')).toEqual([]);
  });
});

describe('an agent ends', () => {
  test('within 2 s of SIGTERM, idle or in the middle of a transfer, and without a trace', async () => {
    newDirectory();
    await expectArchived(newFile());
    process.kill(data.agent().pid, 'SIGTERM');
    expect(await timeToEnd(data.agents()[0]?.pid ?? 0)).toBeLessThan(3500);
    expect(readdirSync(stand.primary.path(data.stateDirectory)).filter((name) => name.endsWith('.sock'))).toEqual([]);

    await expectArchived(newFile());
    const { pid } = data.agent();
    await stand.primary.limitRate(1_000_000);
    const file = newFile();
    const call = data.archive(file.name);
    await waitFor(() => partsOf(file.name).length > 0, { what: 'the transfer' });
    process.kill(pid, 'SIGTERM');
    expect(await timeToEnd(pid)).toBeLessThan(3500);
    await stand.primary.limitRate(undefined);
    // The client may still have shipped the file itself; what counts is that 0 means that it is there.
    const { status } = await call;
    if (status !== 0) await expectArchived(file);
    expect(stand.digests(file.name)).toEqual([sha256(file.content), sha256(file.content)]);
  });

  test('when it has been idle for --agent-idle', async () => {
    newDirectory();
    await expectArchived(newFile(), { flags: ['--agent-idle=1'] });
    const { pid } = data.agent();
    await waitFor(() => isGone(pid), { what: 'the idle agent to end', timeoutMs: 10_000 });
    expect(data.agentLog()).toContain('reason=idle');
    await expectArchived(newFile());
  });

  test('when it is told to, by name', async () => {
    newDirectory();
    await expectArchived(newFile());
    const env = data.environment();
    const { pid } = data.agent();
    const status = await stand.primary.run([`${BIN_DIRECTORY}/archive_cmd`, 'agent', 'status'], { env });
    expect(status).toMatchObject({ status: 0, stdout: expect.stringMatching(/shipped=1 failed=0/) });
    expect((await stand.primary.run([`${BIN_DIRECTORY}/archive_cmd`, 'agent', 'stop'], { env })).status).toBe(0);
    await timeToEnd(pid);
    expect((await stand.primary.run([`${BIN_DIRECTORY}/archive_cmd`, 'agent', 'status'], { env })).status).toBe(41);
  });

  test('when its program is replaced, and the new one takes over in the same call', async () => {
    newDirectory();
    const bin = '/var/lib/postgresql/bin';
    const install = `install -D ${BIN_DIRECTORY}/archive2 ${bin}/new && mv ${bin}/new ${bin}/archive2 && ln -sf archive2 ${bin}/archive_cmd`;
    await stand.primary.check(['sh', '-c', install]);
    const call = async () => {
      const file = newFile();
      const [, ...args] = data.argv(file.name);
      const result = await stand.primary.run([`${bin}/archive_cmd`, ...args], {
        cwd: data.path,
        env: data.environment(),
      });
      expect(result).toMatchObject({ status: 0, stderr: '' });
      expect(stand.digests(file.name)).toEqual([sha256(file.content), sha256(file.content)]);
      return (await waitFor(() => data.agents().length === 1 && data.agents(), { what: 'one agent' })).map(
        ({ pid }) => pid,
      );
    };
    const [old = 0] = await call();
    expect(await call()).toEqual([old]);
    await stand.primary.check(['sh', '-c', install]);
    expect(await call()).not.toEqual([old]);
    await timeToEnd(old);
    expect(data.agentLog()).toMatch(/agent ends.*another release/);
  });
});

describe('an agent that fails its client', () => {
  test('killed in the middle of a transfer: never 0 without a copy, and the next call succeeds', async () => {
    newDirectory();
    await expectArchived(newFile());
    const { pid } = data.agent();
    await stand.primary.limitRate(4_000_000);
    const file = newFile();
    const call = data.archive(file.name);
    await waitFor(() => partsOf(file.name).length > 0, { what: 'the transfer' });
    process.kill(pid, 'SIGKILL');
    const { status } = await call;
    if (status === 0) expect(stand.digests(file.name)[0]).toBe(sha256(file.content));
    await stand.primary.limitRate(undefined);
    await expectArchived(file);
    await stand.waitForNoParts();
  });

  test('killed while idle: its socket misleads nobody', async () => {
    newDirectory();
    await expectArchived(newFile());
    const { pid } = data.agent();
    process.kill(pid, 'SIGKILL');
    await timeToEnd(pid);
    expect(readdirSync(stand.primary.path(data.stateDirectory)).some((name) => name.endsWith('.sock'))).toBe(true);
    await expectArchived(newFile());
    expect(data.agents()).toHaveLength(1);
  });

  test('stopped before it was asked: the client ships the file itself', async () => {
    newDirectory();
    await expectArchived(newFile());
    const { pid } = data.agent();
    process.kill(pid, 'SIGSTOP');
    const file = newFile();
    const result = await data.archive(file.name);
    process.kill(pid, 'SIGCONT');
    expect(result).toMatchObject({ status: 0 });
    expect(result.elapsedMs).toBeLessThan(15_000);
    expect(stand.digests(file.name)).toEqual([sha256(file.content), sha256(file.content)]);
    await expectArchived(newFile());
    expect(data.agent().pid).toBe(pid);
  });

  test('stopped while it ships: the client ends by its deadline, and not with 0', async () => {
    newDirectory();
    const flags = ['--cmd-timeout=2'];
    await expectArchived(newFile(), { flags });
    const { pid } = data.agent();
    await stand.primary.limitRate(500_000);
    const file = newFile();
    const call = data.archive(file.name, { flags });
    await waitFor(() => partsOf(file.name).length > 0, { what: 'the transfer' });
    process.kill(pid, 'SIGSTOP');
    const { status, elapsedMs } = await call;
    process.kill(pid, 'SIGCONT');
    await stand.primary.limitRate(undefined);
    expect(status).toBeGreaterThan(0);
    expect(status).toBeLessThan(126);
    expect(elapsedMs).toBeLessThan(2000 + 2000 + 5000);
    // As PostgreSQL does. The agent may have to find out first that its connection did not outlive the stop.
    await waitFor(async () => (await data.archive(file.name, { flags })).status === 0, { what: 'a retry to succeed' });
    expect(stand.digests(file.name)).toEqual([sha256(file.content), sha256(file.content)]);
  });
});

describe('what an agent remembers', () => {
  test('is no answer for other content under the same name', async () => {
    newDirectory();
    const file = newFile();
    await expectArchived(file);
    await expectArchived(file);
    const changed = Buffer.from(file.content);
    changed[100_000] = (changed[100_000] ?? 0) ^ 1;
    data.file(file.name, changed);
    expect((await data.archive(file.name)).status).toBe(15);
    expect(stand.digests(file.name)).toEqual([sha256(file.content), sha256(file.content)]);
    data.file(file.name, file.content);
    expect((await data.archive(file.name)).status).toBe(0);
  });

  test('is no answer to a call with other settings', async () => {
    newDirectory();
    await stand.arch2.machine.linkDown();
    const file = newFile();
    const flags = ['--connect-timeout=1', '--stall-timeout=1.5'];
    expect(await data.archive(file.name, { flags })).toMatchObject({ status: 0 });
    expect(await data.archive(file.name, { flags })).toMatchObject({ status: 0 });
    const more = await data.archive(file.name, { flags: [...flags, '--min-copies=2'] });
    const other = await data.archive(file.name, { flags, hosts: 'arch2' });
    await stand.arch2.machine.linkUp();
    expect(more.status).toBe(28);
    expect([20, 21]).toContain(other.status);
    expect(data.agents()).toHaveLength(1);
    await stand.waitForNoDebts();
    expect(await data.archive(file.name, { flags: [...flags, '--min-copies=2'] })).toMatchObject({ status: 0 });
  });
});

describe('PostgreSQL and the agent', () => {
  test('a restart leaves the agent alone, and the agent keeps nothing of PostgreSQL open', async () => {
    newDirectory();
    await stand.addCluster('real');
    const cluster = await PostgresCluster.init(stand.primary, { name: 'real' });
    const command = stand.archiveCommand().replace('"arch1 arch2"', '"arch1-real arch2-real"');
    cluster.configure({ archive_command: command.replace('/main/', '/real/').replace(/main$/, 'real') });
    await cluster.start();
    await cluster.waitForArchived(await cluster.switchWal());
    const agents = () => stand.primary.processes(`archive_cmd agent run --data-dir=${cluster.dataDirectory}`);
    const [agent] = agents();
    const pid = agent?.pid ?? 0;
    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    expect(open.filter((target) => /postgres(ql)?\/(real|.*\.log)|pipe:/.test(target))).toEqual([]);
    await cluster.restart();
    await cluster.waitForArchived(await cluster.switchWal());
    expect(agents().map((process) => process.pid)).toEqual([pid]);
    await cluster.stop();
    process.kill(pid, 'SIGTERM');
  });
});

/** The names of a file's temporary copies on arch1. */
function partsOf(name: string): string[] {
  return stand.arch1.allFiles(stand.walDirectory).filter((file) => file.startsWith(`.${name}.`));
}
