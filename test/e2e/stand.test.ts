import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ArchiveHost } from '../support/archive-host.ts';
import { command } from '../support/command.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { trust } from '../support/keys.ts';
import { Ledger } from '../support/ledger.ts';
import { startPgbench } from '../support/load.ts';
import type { Machine } from '../support/machine.ts';
import { PostgresCluster } from '../support/postgres-cluster.ts';
import { BIN_DIRECTORY, REPOSITORY_INSIDE } from '../support/repository.ts';
import { Stand } from '../support/stand.ts';
import { waitFor } from '../support/wait-for.ts';

const SSH = ['ssh', '-o', 'BatchMode=yes', '-o', 'ConnectTimeout=1'];

/** What a stand could leave behind on this computer. */
async function leftovers(bridge: string, directory: string): Promise<string[]> {
  const links = (await command(['ip', '-o', 'link'])).split('\n').filter((line) => line.includes(` ${bridge}`));
  const namespaces = (await command(['ip', 'netns', 'list'])).split('\n').filter((line) => line.includes(bridge));
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const processes = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && belongsTo(Number(pid), directory));
  const files = existsSync(directory) ? [directory] : [];
  return [...links, ...namespaces, ...mounts.filter((line) => line.includes(directory)), ...processes, ...files];
}

function belongsTo(pid: number, directory: string): boolean {
  try {
    const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8');
    const isInside = readlinkSync(`/proc/${pid}/ns/mnt`) !== readlinkSync('/proc/self/ns/mnt');
    return isInside && mounts.includes(directory);
  } catch {
    return false;
  }
}

describe('a stand', () => {
  let stand: Stand;
  let primary: Machine;
  let arch1: ArchiveHost;
  let arch2: ArchiveHost;
  let cluster: PostgresCluster;

  beforeAll(async () => {
    stand = await Stand.create({ name: 'stand-test' });
    primary = await stand.machine('primary');
    arch1 = await ArchiveHost.start(await stand.machine('arch1'));
    arch2 = await ArchiveHost.start(await stand.machine('arch2'));
    await trust(primary, arch1, { as: 'arch1' });
    await trust(primary, arch2, { as: 'arch2' });
    await trust(arch1.machine, arch2, { as: 'arch2' });
    await trust(arch2.machine, arch1, { as: 'arch1' });
    cluster = await PostgresCluster.init(primary);
    await cluster.start();
  });

  afterAll(async () => {
    await stand?.close();
  });

  const hostnameOver = async (alias: string, from = primary) => await from.run([...SSH, alias, 'hostname']);

  describe('machine', () => {
    test('runs a program as the unprivileged user and says how it ended', async () => {
      const ended = await primary.run(['sh', '-c', 'id -un; cat; echo bad >&2; exit 7'], { input: 'given' });
      expect(ended).toEqual({ status: 7, signal: null, stdout: 'postgres\ngiven', stderr: 'bad\n' });
      expect(await primary.run(['sh', '-c', 'kill -TERM $$'])).toMatchObject({ status: null, signal: 'SIGTERM' });
    });

    test('kills a program that takes too long, and says what it had written', async () => {
      const late = primary.run(['sh', '-c', 'echo so far; exec sleep 77'], { timeoutMs: 200 });
      await expect(late).rejects.toThrow(/did not end within 200 ms\nstdout: so far/);
      await waitFor(() => primary.processes('sleep 77').length === 0, { what: 'the program to be gone' });
    });

    test('tells a program that ended from one that left its output open', async () => {
      const left = primary.run(['sh', '-c', 'sleep 2 & exit 0'], { timeoutMs: 200 });
      await expect(left).rejects.toThrow('somebody keeps its output open');
    });

    test('has the checkout, the commands first in PATH, and no way to write to either', async () => {
      expect(await primary.check(['sh', '-c', 'echo "$PATH"'])).toMatch(`${BIN_DIRECTORY}:`);
      const touched = await primary.run(['touch', `${REPOSITORY_INSIDE}/package.json`], { user: 'root' });
      expect(touched.stderr).toContain('Read-only file system');
    });

    test('sees another directory under the same path as the next machine', async () => {
      for (const { machine } of [arch1, arch2]) {
        await machine.check(['sh', '-c', 'hostname >/archive/name; hostname >/tmp/name']);
        machine.writeFile('/etc/default/archive_cmd', `retry_count=${machine.name}\n`, 0o644);
      }
      for (const { machine } of [arch1, arch2]) {
        const files = ['/archive/name', '/tmp/name', '/etc/default/archive_cmd'];
        expect(await machine.check(['cat', ...files])).toBe(
          `${machine.name}\n${machine.name}\nretry_count=${machine.name}\n`,
        );
        expect(readFileSync(machine.path('/archive/name'), 'utf8')).toBe(`${machine.name}\n`);
      }
      expect(arch1.files('/archive')).toEqual(['name']);
      expect(arch1.sha256('/archive/name')).not.toBe(arch2.sha256('/archive/name'));
    });

    test('runs out of space and of inodes on a small tmpfs', async () => {
      const { machine } = arch1;
      await machine.mountTmpfs('/small', 1024 * 1024, { inodes: 3 });
      const filled = await machine.run(['dd', 'if=/dev/zero', 'of=/small/a', 'bs=1M', 'count=2']);
      expect(filled.stderr).toContain('No space left on device');
      expect(statSync(machine.path('/small/a')).size).toBe(1024 * 1024);
      const made = await machine.run(['touch', '/small/b', '/small/c']);
      expect(made.stderr).toContain("cannot touch '/small/c': No space left on device");
      await machine.unmount('/small');
      expect(existsSync(machine.path('/small/a'))).toBe(false);
    });

    test('keeps its disk, but nothing that ran, when it loses its power', async () => {
      const machine = await stand.machine('fragile');
      const host = await ArchiveHost.start(machine);
      await trust(primary, host, { as: 'fragile' });
      const session = primary.spawn([...SSH, '-o', 'ServerAliveInterval=1', 'fragile', 'echo on; sleep 1000']);
      await waitFor(() => session.stdout === 'on\n', { what: 'the session' });
      await machine.check(['sh', '-c', 'echo kept >/archive/kept; sync']);
      await machine.mountTmpfs('/archive/memory', 65_536);

      await machine.kill9();
      // No FIN, no RST: the client finds out by itself.
      expect(session.isRunning).toBe(true);
      expect((await hostnameOver('fragile')).stderr).toMatch(/timed out|No route/);

      await machine.boot();
      expect(machine.processes()).toEqual([]);
      expect(await machine.check(['cat', '/archive/kept'])).toBe('kept\n');
      await host.startSshd();
      expect((await hostnameOver('fragile')).stdout).toBe('fragile\n');
      await session.kill();
      await machine.kill9();
    });
  });

  describe('archive host', () => {
    test('is reached by its alias with the OpenSSH client, from the primary and from the other host', async () => {
      expect((await hostnameOver('arch1')).stdout).toBe('arch1\n');
      expect((await hostnameOver('arch2')).stdout).toBe('arch2\n');
      expect((await hostnameOver('arch2', arch1.machine)).stdout).toBe('arch2\n');
      expect((await hostnameOver('arch1', arch2.machine)).stdout).toBe('arch1\n');
      expect((await primary.run([...SSH, 'arch1', 'echo "$PATH"'])).stdout).toMatch(`${BIN_DIRECTORY}:`);
    });

    test('runs the forced command of a key, whatever the client asks for', async () => {
      const forcedCommand = 'echo "forced"; echo "$SSH_ORIGINAL_COMMAND"';
      await trust(primary, arch1, { as: 'arch1-put', identity: 'id_put', forcedCommand });
      expect((await primary.run([...SSH, 'arch1-put', 'hostname'])).stdout).toBe('forced\nhostname\n');
      expect((await hostnameOver('arch1')).stdout).toBe('arch1\n');
    });

    test('is refused by a client that knows another host key', async () => {
      await arch2.changeHostKey();
      await arch2.stopSshd();
      await arch2.startSshd();
      expect((await hostnameOver('arch2')).stderr).toContain('REMOTE HOST IDENTIFICATION HAS CHANGED');
      await trust(primary, arch2, { as: 'arch2' });
      await trust(arch1.machine, arch2, { as: 'arch2' });
      expect((await hostnameOver('arch2')).stdout).toBe('arch2\n');
    });

    test('vanishes for one machine when it is cut from it, and is back when that is healed', async () => {
      const { machine } = arch1;
      const session = primary.spawn([...SSH, 'arch1', 'cat']);
      session.input.write('before ');
      await waitFor(() => session.stdout === 'before ', { what: 'the echo' });

      await primary.cut(machine);
      session.input.write('after');
      expect((await hostnameOver('arch1')).stderr).toContain('Connection timed out');
      expect((await hostnameOver('arch1', arch2.machine)).stdout).toBe('arch1\n');
      expect(session.stdout).toBe('before ');

      await primary.heal(machine);
      expect((await hostnameOver('arch1')).stdout).toBe('arch1\n');
      await waitFor(() => session.stdout === 'before after', { what: 'the rest of the echo' });
      await session.kill();
    });

    test('loses packets of one direction only, if so wished', async () => {
      await primary.cut(arch1.machine, 'incoming');
      expect((await hostnameOver('arch1')).stderr).toContain('Connection timed out');
      await primary.heal(arch1.machine);
      expect((await hostnameOver('arch1')).stdout).toBe('arch1\n');
    });

    test('is unreachable for everybody without its cable', async () => {
      await arch1.machine.linkDown();
      expect((await hostnameOver('arch1')).status).toBe(255);
      await arch1.machine.linkUp();
      const isBack = async () => (await hostnameOver('arch1')).stdout === 'arch1\n';
      await waitFor(isBack, { what: 'arch1 to be back' });
    });

    test('accepts, but answers nobody, while it is frozen', async () => {
      arch1.machine.freeze();
      expect((await hostnameOver('arch1')).stderr).toMatch(/Connection timed out/);
      arch1.machine.thaw();
      expect((await hostnameOver('arch1')).stdout).toBe('arch1\n');
    });

    test('loses its sessions with a killed sshd, and keeps them when it is only stopped', async () => {
      const session = primary.spawn([...SSH, 'arch2', 'echo on; exec sleep 1000']);
      await waitFor(() => session.stdout === 'on\n', { what: 'the session' });
      await arch2.stopSshd();
      expect((await hostnameOver('arch2')).stderr).toContain('Connection refused');
      expect(arch2.machine.processes('^sleep 1000')).toHaveLength(1);
      await arch2.killSshd();
      expect((await session.exited).status).toBe(255);
      expect(arch2.machine.processes()).toEqual([]);
      await arch2.startSshd();
      expect((await hostnameOver('arch2')).stdout).toBe('arch2\n');
    });
  });

  describe('PostgreSQL', () => {
    test('starts, answers, and archives with the command it was given', async () => {
      expect(await cluster.sql('SELECT 1, NULL; SHOW wal_segment_size')).toEqual(['1|', '1MB']);
      await cluster.setArchiveCommand('cp %p /archive/%f');
      const segment = await cluster.switchWal();
      await cluster.waitForArchived(segment);
      expect(readdirSync(primary.path('/archive'))).toContain(segment);
      expect((await cluster.archiverStats()).failedCount).toBe(0);
    });

    test('keeps the confirmed rows when the postmaster is killed under load', async () => {
      const ledger = await Ledger.create(cluster);
      const load = await startPgbench(cluster, { clients: 2, rate: 200 });
      const writer = ledger.run({ paddingBytes: 4096 });
      await waitFor(() => ledger.confirmed.length > 50, { what: 'some rows' });
      await cluster.kill9();
      expect(cluster.isRunning).toBe(false);
      expect(await writer.stop()).toBeGreaterThan(50);
      await load.stop();
      await cluster.start();
      expect(await ledger.difference(cluster)).toEqual({ missing: [], unexpected: [] });
      await cluster.sql('DELETE FROM ledger WHERE number = 7');
      expect(await ledger.difference(cluster, { upTo: 40 })).toMatchObject({ missing: [7] });
      await cluster.sql('DROP TABLE ledger');
    });

    test('has a standby from a backup that replays the archive, streams, and can be promoted', async () => {
      const ledger = await Ledger.create(cluster);
      const backup = await cluster.backup();
      await ledger.append();
      const machine = await stand.machine('standby');
      const restoreCommand = 'cp /archive/%f %p';
      const standby = await PostgresCluster.fromBackup(machine, backup, { standby: true, restoreCommand });
      await standby.start();
      const segment = await cluster.switchWal();
      await cluster.waitForArchived(segment);
      for (const name of readdirSync(primary.path('/archive'))) {
        machine.writeFile(`/archive/${name}`, readFileSync(primary.path(`/archive/${name}`)));
      }
      await standby.pollUntil('SELECT count(*) FROM ledger', '1');

      standby.configure({ primary_conninfo: cluster.connectionString() });
      await standby.reload();
      await ledger.append();
      const lsn = await cluster.currentLsn();
      await standby.pollUntil(`SELECT pg_last_wal_replay_lsn() >= '${lsn}'`, 't');
      expect(await ledger.difference(standby)).toEqual({ missing: [], unexpected: [] });
      await standby.promote();
      expect(await standby.value('SELECT pg_is_in_recovery()')).toBe('f');
      await ledger.close();
    });

    test('can run twice on one machine, with another identity each', async () => {
      const second = await PostgresCluster.init(primary, { name: 'second' });
      await second.start();
      const identity = 'SELECT system_identifier FROM pg_control_system()';
      expect(await second.value(identity)).not.toBe(await cluster.value(identity));
      await second.stop();
    });
  });

  describe('fault proxy', () => {
    const ECHO = `require('node:net').createServer((s) => s.on('error', () => {}).pipe(s)).listen(7777, '0.0.0.0')`;
    let proxy: FaultProxy;

    beforeAll(async () => {
      await startEcho(arch1.machine);
      proxy = await FaultProxy.open(stand, arch1.machine, 7777);
    });

    async function startEcho(machine: Machine): Promise<void> {
      machine.spawn([join(REPOSITORY_INSIDE, 'node_modules/.bin/bun'), '-e', ECHO]);
      const isListening = async () => (await machine.check(['ss', '-Hltn'])).includes(':7777');
      await waitFor(isListening, { what: 'the echo server' });
    }

    /** Sends a text from the primary through the proxy with bash, and returns what came back within the time. */
    async function echo(text: string, seconds = 1) {
      const script = `exec 3<>/dev/tcp/${proxy.address}/${proxy.port} || exit 9; printf %s "$0" >&3
        timeout ${seconds} dd bs=1 count=${text.length} status=none <&3; echo "|$?"`;
      const begunAt = performance.now();
      const { stdout, stderr } = await primary.run(['timeout', '3', 'bash', '-c', script, text]);
      return { back: stdout.trim(), stderr, ms: performance.now() - begunAt };
    }

    test('passes bytes on both ways and counts them', async () => {
      const before = proxy.bytes;
      expect((await echo('0123456789')).back).toBe('0123456789|0');
      const { toServer, toClient } = proxy.bytes;
      expect([toServer - before.toServer, toClient - before.toClient]).toEqual([10, 10]);
      expect(proxy.accepted).toBe(1);
      await waitFor(() => proxy.openConnections === 0, { what: 'the connection to end' });
    });

    test('refuses', async () => {
      await proxy.set('refuse');
      expect((await echo('x')).stderr).toContain('Connection refused');
      await proxy.set('pass');
      expect((await echo('x')).back).toBe('x|0');
    });

    test('is a black hole: no answer at all', async () => {
      await proxy.set('blackhole');
      const { back, stderr, ms } = await echo('x');
      expect({ back, stderr }).toEqual({ back: '', stderr: '' });
      expect(ms).toBeGreaterThan(2900);
      await proxy.set('pass');
      expect((await echo('x')).back).toBe('x|0');
    });

    test('hangs: accepts and moves nothing, and goes on where it was', async () => {
      await proxy.set('hang');
      expect((await echo('x')).back).toBe('|124');
      const slow = echo('x', 3);
      const { accepted } = proxy;
      await waitFor(() => proxy.openConnections > 0 || proxy.accepted > accepted, { what: 'the connection' });
      await proxy.set('pass');
      expect((await slow).back).toBe('x|0');
    });

    test('hangs after a number of bytes, in one direction', async () => {
      await proxy.set({ hangAfterBytes: 4 }, 'toClient');
      expect((await echo('0123456789')).back).toBe('0123|124');
      await proxy.set('pass');
    });

    test('resets after a number of bytes', async () => {
      await proxy.set({ resetAfterBytes: 4 }, 'toServer');
      const { stderr } = await echo('0123456789');
      expect(stderr).toContain('Connection reset by peer');
      await proxy.set('pass');
    });

    test('throttles', async () => {
      await proxy.set({ throttleBytesPerSecond: 20 }, 'toServer');
      const { back, ms } = await echo('0123456789', 2);
      expect(back).toBe('0123456789|0');
      expect(ms).toBeGreaterThan(400);
      await proxy.set('pass');
    });

    test('delays every byte, each way', async () => {
      await proxy.set({ delayMs: 200 });
      const { back, ms } = await echo('0123456789');
      expect(back).toBe('0123456789|0');
      expect(ms).toBeGreaterThan(400);
      await proxy.set('pass');
    });

    test('flips a bit of one byte', async () => {
      await proxy.set({ corruptByteAt: 5 }, 'toServer');
      expect((await echo('0123456789')).back).toBe('0123446789|0');
      await proxy.set('pass');
    });

    test('stands between a client and an archive host whose key it knows', async () => {
      const toSshd = await FaultProxy.open(stand, arch1.machine, arch1.port);
      await toSshd.trust(primary, arch1, { as: 'arch1-behind' });
      expect((await hostnameOver('arch1-behind')).stdout).toBe('arch1\n');
      const whole = primary.run([...SSH, 'arch1-behind', 'wc -c'], { input: new Uint8Array(8 * 1024 * 1024) });
      expect((await whole).stdout).toBe(`${8 * 1024 * 1024}\n`);
      await toSshd.set({ resetAfterBytes: 1_000_000 }, 'toServer');
      const cut = await primary.run([...SSH, 'arch1-behind', 'wc -c'], { input: new Uint8Array(8 * 1024 * 1024) });
      expect(cut).toMatchObject({ status: 255, stdout: '' });
    });
  });
});

test('a stand leaves nothing behind, and does not disturb another', async () => {
  const other = await Stand.create({ name: 'other' });
  const stand = await Stand.create({ name: 'leaves-nothing' });
  try {
    const machine = await stand.machine('arch1');
    await ArchiveHost.start(machine);
    await machine.mountTmpfs('/archive/main', 65_536);
    const neighbour = await other.machine('arch1');
    expect(await leftovers(stand.network.bridge, stand.directory)).not.toEqual([]);
    await stand.close();
    expect(await leftovers(stand.network.bridge, stand.directory)).toEqual([]);
    expect((await neighbour.run(['hostname'])).stdout).toBe('arch1\n');
  } finally {
    await other.close();
  }
  expect(await leftovers(other.network.bridge, other.directory)).toEqual([]);
});

test.each(['SIGKILL', 'SIGINT'] as const)('a stand is cleaned up when its process gets %s', async (signal) => {
  const program = join(import.meta.dirname, '../support/abandoned-stand.ts');
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  await waitFor(() => stdout.endsWith('\n'), { what: 'the stand of the other process', timeoutMs: 20_000 });
  const { bridge, directory } = JSON.parse(stdout) as { bridge: string; directory: string };
  expect(await leftovers(bridge, directory)).not.toEqual([]);
  child.kill(signal);
  const isClean = async () => (await leftovers(bridge, directory)).length === 0;
  await waitFor(isClean, { what: `nothing to be left of ${directory}`, timeoutMs: 20_000 });
});
