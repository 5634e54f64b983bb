import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ArchiveStand, sha256 } from '../support/archive-stand.ts';
import { DataDirectory, type TimedResult } from '../support/data-directory.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { sshDirectory, trust } from '../support/keys.ts';
import { REPOSITORY_ROOT } from '../support/repository.ts';
import { waitFor } from '../support/wait-for.ts';

const connectTimeoutMs = 1500;
const stallTimeoutMs = 1500;
const flags = [`--connect-timeout=${connectTimeoutMs / 1000}`, `--stall-timeout=${stallTimeoutMs / 1000}`];
/** For a computer with two cores on which other things run; the deadline of a call is 30 s. */
const slackMs = 5000;

/** The primary reaches arch1 through a proxy that misbehaves; the hosts reach each other directly. */
describe('between the primary and its first archive host', () => {
  let stand: ArchiveStand;
  let proxy: FaultProxy;
  let data: DataDirectory;
  let files = 0;
  let directories = 0;

  beforeAll(async () => {
    stand = await ArchiveStand.create({ serveFlags: ['--probe-interval', '0.3', '--peer-cooldown', '1'] });
    proxy = await FaultProxy.open(stand.stand, stand.arch1.machine, 22);
    await proxy.trust(stand.primary, stand.arch1, { as: 'arch1', forcedCommand: stand.serveCommand('put', 'arch2') });
    await newDirectory();
  });

  afterEach(async () => {
    await proxy.set('pass');
    await data.killAgents();
    await stand.waitForNoDebts();
    await stand.waitForNoParts();
  });

  afterAll(async () => {
    await stand?.close();
  });

  /** A data directory, and so an agent and cooldowns, that know of no earlier fault. */
  const newDirectory = async ({ connected = false, calledWith = flags } = {}) => {
    directories += 1;
    data = new DataDirectory(stand, `data${directories}`);
    const first = newFile();
    if (connected || directories === 1) {
      expect(await data.archive(first.name, { flags: calledWith })).toMatchObject({ status: 0 });
    }
  };

  const newFile = (fields: Parameters<DataDirectory['segment']>[1] = {}) => {
    files += 1;
    return data.segment(files, fields);
  };

  const onBoth = async ({ name, content }: { name: string; content: Buffer }) => {
    const digest = sha256(content);
    const areEqual = () => {
      const found = stand.digests(name);
      if (found[0] === digest && found[1] === digest) return true;
      throw new Error(`${name}: ${found.join(' ')}, not ${digest}`);
    };
    await waitFor(areEqual, { what: `${name} on both hosts` });
  };

  /** The file is archived in one call, by way of the other host, without waiting longer than promised. */
  const expectFailover = async (file: { name: string; content: Buffer }, result: TimedResult, timeoutMs: number) => {
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.elapsedMs).toBeLessThan(timeoutMs + 1000 + slackMs);
    await onBoth(file);
    // A silent host is passed over at once, and counted when it is given up.
    const isCounted = () => /archive host failed host=arch1/.test(data.agentLog());
    await waitFor(isCounted, { what: 'the failure of arch1 to be counted' });
  };

  const isConnected = [{ connected: false }, { connected: true }];

  test.each(isConnected)('1: refused, connected before: $connected', async ({ connected }) => {
    await newDirectory({ connected });
    await proxy.set('refuse');
    proxy.resetConnections();
    const file = newFile();
    await expectFailover(file, await data.archive(file.name, { flags }), connectTimeoutMs);
  });

  test.each(isConnected)('2: packets vanish, connected before: $connected', async ({ connected }) => {
    await newDirectory({ connected });
    await proxy.set('blackhole');
    const file = newFile();
    await expectFailover(file, await data.archive(file.name, { flags }), connectTimeoutMs);
  });

  test('3: the link dies in the middle of a body', async () => {
    await newDirectory({ connected: true });
    await proxy.set({ throttleBytesPerSecond: 800_000 });
    const before = proxy.bytes.toServer;
    const file = newFile();
    const shipping = data.archive(file.name, { flags });
    await waitFor(() => proxy.bytes.toServer > before + 200_000, { what: 'the middle of the body' });
    await proxy.set('blackhole');
    await expectFailover(file, await shipping, 1000 + stallTimeoutMs);
  });

  test('4: reset in the middle of a body', async () => {
    await newDirectory({ connected: true });
    await proxy.set({ resetAfterBytes: 400_000 }, 'toServer');
    const file = newFile();
    await expectFailover(file, await data.archive(file.name, { flags }), 0);
  });

  test('5: reset after the commit, before its answer', async () => {
    await newDirectory({ connected: true });
    await proxy.set('hang', 'toClient');
    const file = newFile();
    const shipping = data.archive(file.name, { flags: ['--connect-timeout=2', '--stall-timeout=20'] });
    await waitFor(() => stand.digests(file.name)[0] !== undefined, { what: 'the commit on arch1' });
    const inode = stand.inode(stand.arch1, file.name);
    await proxy.set('pass');
    proxy.resetConnections();
    expect(await shipping).toMatchObject({ status: 0, stderr: '' });
    await onBoth(file);
    expect(stand.inode(stand.arch1, file.name)).toBe(inode);
    expect(stand.hosts.map((host) => stand.quarantine(host))).toEqual([[], []]);
  });

  test.each(isConnected)('6: the host is frozen, connected before: $connected', async ({ connected }) => {
    await newDirectory({ connected });
    stand.arch1.machine.freeze();
    const file = newFile();
    const result = await data.archive(file.name, { flags });
    const owed = stand.debts(stand.arch2);
    stand.arch1.machine.thaw();
    expect(result).toMatchObject({ status: 0, stderr: '' });
    // The peer waits for its peer, too.
    expect(result.elapsedMs).toBeLessThan(stallTimeoutMs + 2000 + 1000 + slackMs);
    expect(owed).toContain(file.name);
    await onBoth(file);
  });

  test('7: a link of 64 kbit/s gets a file through over several calls, with one transfer', async () => {
    const calledWith = ['--cmd-timeout=2'];
    await newDirectory();
    // A real line, not the proxy: what is acknowledged there says nothing about what has arrived.
    await trust(stand.primary, stand.arch1, { as: 'arch1-line', forcedCommand: stand.serveCommand('put', 'arch2') });
    const { name, content } = newFile();
    // As much as the link moves in seven seconds; the rest compresses to nothing.
    content.fill(0, 56_000);
    data.file(name, content);
    const statuses: (number | null)[] = [];
    const call = async () => {
      const { status, elapsedMs } = await data.archive(name, { flags: calledWith, hosts: 'arch1-line arch2' });
      expect(elapsedMs).toBeLessThan(2000 + slackMs);
      statuses.push(status);
      return status === 0;
    };
    await stand.primary.limitRate(64_000);
    await waitFor(call, { what: 'the slow transfer', timeoutMs: 40_000, intervalMs: 1 });
    await stand.primary.limitRate(undefined);
    // 27 is the deadline of the call; nothing else may have happened, on either way.
    expect(statuses.slice(0, -1)).toEqual(statuses.slice(0, -1).map(() => 27));
    expect(statuses.length).toBeGreaterThan(2);
    expect(data.agentLog()).not.toMatch(/archive host failed|peer lost/);
    await onBoth({ name, content });
  });

  test('7: what a line has not brought yet is told from what is lost', async () => {
    const bun = join(REPOSITORY_ROOT, 'node_modules/bun/bin/bun.exe');
    const program = join(REPOSITORY_ROOT, 'test/support/send-queue-program.ts');
    const { address } = stand.arch1.machine;
    let told = '';
    try {
      told = await stand.primary.check([bun, program, address, '22'], { user: 'root' });
    } finally {
      await stand.primary.findFramesTo(address);
    }
    const queue = { inKernel: 100, handedOver: 100 };
    const lines = told
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    // Lost is what the kernel has to send again.
    expect(lines).toEqual([
      { ...queue, isAwaited: true },
      { ...queue, isAwaited: false },
    ]);
  });

  test.each(isConnected)('8: one byte per 10 s, connected before: $connected', async ({ connected }) => {
    await newDirectory({ connected });
    await proxy.set({ throttleBytesPerSecond: 0.1 });
    const file = newFile();
    await expectFailover(file, await data.archive(file.name, { flags }), Math.max(connectTimeoutMs, stallTimeoutMs));
  });

  test('9: a name that does not resolve', async () => {
    await newDirectory();
    const file = newFile();
    const alone = await data.archiveAlone(file.name, { flags, hosts: 'nowhere.invalid' });
    expect(alone).toMatchObject({ status: 20, stderr: expect.stringContaining('does not resolve') });
    expect(stand.digests(file.name)).toEqual([undefined, undefined]);
    expect(await data.archive(file.name, { flags, hosts: 'nowhere.invalid arch2' })).toMatchObject({ status: 0 });
    await onBoth(file);
  });

  test('10: a changed host key ends the connection before anything is sent over it', async () => {
    await newDirectory();
    await stand.admitAs('impostor', { identity: 'id_impostor', hostKeyAlias: 'impostor' });
    const known = stand.primary.path(`${sshDirectory()}/known_hosts`);
    const lines = readFileSync(known, 'utf8').split('\n');
    const other = (await stand.arch2.publicHostKeyLine('impostor')).trim();
    const changed = lines.map((line) => (line.startsWith('impostor ') ? other : line));
    stand.primary.writeFile(`${sshDirectory()}/known_hosts`, changed.join('\n'));

    const logged = stand.arch1.log().length;
    const file = newFile();
    const alone = await data.archiveAlone(file.name, { flags, hosts: 'impostor' });
    expect(alone).toMatchObject({ status: 23, stderr: expect.stringContaining('HINT') });
    const ofPrimary = () =>
      stand.arch1
        .log()
        .slice(logged)
        .split('\n')
        .filter((line) => line.includes(`${stand.primary.address} `) || line.includes(`${stand.primary.address}:`));
    await waitFor(() => ofPrimary().some((line) => line.includes('[preauth]')), { what: 'the end of the connection' });
    // No user was named, no key was offered.
    expect(ofPrimary().join('\n')).not.toMatch(/postgres|publickey|Accepted/);
    expect(stand.digests(file.name)).toEqual([undefined, undefined]);
    expect(await data.archive(file.name, { flags, hosts: 'impostor arch2' })).toMatchObject({ status: 0 });
    await onBoth(file);
  });

  test('11: a key that the host does not know', async () => {
    await newDirectory();
    await stand.admitAs('arch1-refuses', { identity: 'id_refused' });
    const authorized = `${sshDirectory()}/authorized_keys`;
    const original = readFileSync(stand.arch1.machine.path(authorized), 'utf8');
    const publicKey = readFileSync(stand.primary.path(`${sshDirectory()}/id_refused.pub`), 'utf8').split(' ')[1] ?? '';
    const without = original.split('\n').filter((line) => !line.includes(publicKey));
    stand.arch1.machine.writeFile(authorized, without.join('\n'));
    const file = newFile();
    const alone = await data.archiveAlone(file.name, { flags, hosts: 'arch1-refuses' });
    expect(alone).toMatchObject({ status: 24, stderr: expect.stringContaining('id_refused') });
    expect(await data.archive(file.name, { flags, hosts: 'arch1-refuses arch2' })).toMatchObject({ status: 0 });
    await onBoth(file);
  });

  test('12: MaxStartups drops the connection', async () => {
    await newDirectory();
    await stand.arch1.stopSshd();
    await stand.arch1.startSshd({ maxStartups: '1:100:1' });
    const hogs = [1, 2].map(() => connect(22, stand.arch1.machine.address).on('error', () => undefined));
    await Promise.all(hogs.slice(0, 1).map(async (hog) => await once(hog, 'data')));
    const file = newFile();
    const result = await data.archive(file.name, { flags });
    hogs.forEach((hog) => hog.destroy());
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(stand.arch1.log()).toMatch(/MaxStartups/);
    await onBoth(file);
    await stand.arch1.stopSshd();
    await stand.arch1.startSshd();
  });

  test.each([{ way: 'toServer' }, { way: 'toClient' }] as const)('13: a bit flips $way', async ({ way }) => {
    await newDirectory({ connected: true });
    await proxy.set({ corruptByteAt: way === 'toServer' ? 500_000 : 20 }, way);
    const file = newFile();
    await expectFailover(file, await data.archive(file.name, { flags }), stallTimeoutMs);
  });

  test('16: answers are lost, requests arrive', async () => {
    await newDirectory({ connected: true });
    await proxy.set('hang', 'toClient');
    const file = newFile();
    await expectFailover(file, await data.archive(file.name, { flags }), stallTimeoutMs);
  });

  test('17: a link that flaps loses nothing, and every file is archived in its first call', async () => {
    await newDirectory({ connected: true });
    const faults = ['pass', { resetAfterBytes: 300_000 }, 'pass', 'refuse', 'pass', { resetAfterBytes: 2000 }] as const;
    const shipped = [];
    for (const fault of [...faults, ...faults]) {
      await proxy.set(fault);
      if (fault === 'refuse') proxy.resetConnections();
      const file = newFile();
      shipped.push(file);
      expect(await data.archive(file.name, { flags: [...flags, '--retry-count=100'] })).toMatchObject({ status: 0 });
    }
    await proxy.set('pass');
    for (const file of shipped) await onBoth(file);
  });

  test('18: a login shell that prints before the session', async () => {
    await newDirectory();
    // No forced command: the account's shell runs what the client asks for, after its own start files.
    await trust(stand.primary, stand.arch1, { as: 'arch1-noisy', identity: 'id_noisy' });
    const noise =
      'echo "Welcome to $(hostname)!"; printf "\\\\033[1mno newline"; head -c 3000 /dev/zero; echo; seq 1 200\n';
    const home = sshDirectory().replace(/\/\.ssh$/, '');
    stand.arch1.machine.writeFile(`${home}/.bashrc`, noise);
    const file = newFile();
    const result = await data.archive(file.name, { flags, hosts: 'arch1-noisy arch2' });
    stand.arch1.machine.writeFile(`${home}/.bashrc`, '');
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(data.agentLog()).toContain('the login shell prints before the session host=arch1-noisy');
    expect(data.agentLog()).not.toContain('archive host failed');
    await onBoth(file);
  });

  test('19: an old session goes on to write what the retry has stored meanwhile', async () => {
    await newDirectory({ connected: true });
    await proxy.set({ hangAfterBytes: 600_000 }, 'toServer');
    const file = newFile();
    expect(await data.archive(file.name, { flags })).toMatchObject({ status: 0 });
    await onBoth(file);
    const inode = stand.inode(stand.arch1, file.name);
    expect(stand.arch1.allFiles(stand.walDirectory).filter((name) => name.endsWith('.part'))).toHaveLength(1);
    // The proxy hands on the rest, the client's end of the file included.
    await proxy.set('pass');
    await stand.waitForNoParts();
    expect(stand.inode(stand.arch1, file.name)).toBe(inode);
    await onBoth(file);
    expect(stand.hosts.map((host) => stand.quarantine(host))).toEqual([[], []]);
  });
});
