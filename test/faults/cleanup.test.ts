import { existsSync, readdirSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ArchiveHost } from '../support/archive-host.ts';
import { ArchiveStand } from '../support/archive-stand.ts';
import { CallTracer } from '../support/call-tracer.ts';
import { FaultCluster } from '../support/fault-cluster.ts';
import { cleanUp } from '../support/kept-backup.ts';
import { killAtEachCall } from '../support/push-and-kill.ts';
import { segmentName } from '../support/wal-file.ts';

let stand: ArchiveStand;
let h1: ArchiveHost;
let h2: ArchiveHost;
let cluster: FaultCluster;

beforeAll(async () => {
  stand = await ArchiveStand.create();
  [h1, h2] = stand.hosts;
});

afterEach(async () => {
  for (const host of stand.hosts) await host.machine.heal(cluster.peerOf(host).machine);
  await cluster?.close();
});

afterAll(async () => {
  await stand?.close();
});

const hourMs = 3600 * 1000;
const nameOf = (number: number) => segmentName({ number });
const names = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => nameOf(from + index));

/** The hosts with segments 1 to 12, written three hours ago, and with a complete backup each that begins in 6 and in 7. */
async function setUp(): Promise<void> {
  cluster = await FaultCluster.create(stand);
  const [first = '', ...others] = names(1, 12).map(() => cluster.segment());
  expect(await cluster.push(first)).toMatchObject({ status: 0 });
  await cluster.converged();
  // Nobody reads their contents here.
  for (const host of stand.hosts) for (const name of others) write(host, name, read(host, first));
  for (const host of stand.hosts) age(host, first, 3 * hourMs);
  keepBackup(h1, 1, 6);
  keepBackup(h2, 2, 7);
}

function read(host: ArchiveHost, name: string): Buffer {
  return readFileSync(cluster.path(host, `logs.complete/${name}`));
}

/** A stored file, three hours old. */
function write(host: ArchiveHost, name: string, content: Buffer): void {
  host.machine.writeFile(`${cluster.directory}/logs.complete/${name}`, content);
  age(host, name, 3 * hourMs);
}

function age(host: ArchiveHost, name: string, ageMs: number): void {
  const seconds = (Date.now() - ageMs) / 1000;
  utimesSync(cluster.path(host, `logs.complete/${name}`), seconds, seconds);
}

function label(number: number): string {
  const lsn = `0/${(number * 1024 ** 2 + 0x28).toString(16).toUpperCase()}`;
  return `START WAL LOCATION: ${lsn} (file ${nameOf(number)})\nCHECKPOINT LOCATION: ${lsn}\nSTART TIMELINE: 1\n`;
}

/** A directory as the old scripts leave it, begun two hours ago. */
function keepBackup(host: ArchiveHost, backup: number, segment: number, files: Record<string, string> = {}): void {
  const directory = `${cluster.directory}/data.master.${backup}`;
  host.machine.makeDirectory(directory, 0o700);
  for (const [file, text] of Object.entries({ backup_label: label(segment), SUCCESS: '', ...files })) {
    host.machine.writeFile(`${directory}/${file}`, text);
    const seconds = (Date.now() - 2 * hourMs) / 1000;
    utimesSync(host.machine.path(`${directory}/${file}`), seconds, seconds);
  }
}

const peerWord = (host: ArchiveHost) => cluster.peerOf(host).machine.name;
const clean = (host: ArchiveHost, ...flags: string[]) =>
  cleanUp(host, [
    '--cluster-dir',
    cluster.directory,
    peerWord(host),
    '--connect-timeout=2',
    '--stall-timeout=10',
    ...flags,
  ]);

/** A cleanup that must end with this status and remove nothing on either host; its message. */
async function refused(status: number | RegExp, host: ArchiveHost, ...flags: string[]): Promise<string> {
  const before = stand.hosts.map((it) => cluster.names(it));
  const result = await clean(host, ...flags);
  expect(String(result.status), result.stderr).toMatch(status instanceof RegExp ? status : new RegExp(`^${status}$`));
  expect(stand.hosts.map((it) => cluster.names(it))).toEqual(before);
  return result.stderr;
}

const held = () => stand.hosts.map((host) => cluster.names(host));
const tombstones = () => stand.hosts.map((host) => host.files(`${cluster.directory}/state/tombstones`));

test('72: what a pin on either host holds stays on both, until it ends', async () => {
  await setUp();
  const pin = { format: 1, id: 'restore-0123456789', holder: 'db2', timeline: 1, from: '0/300028' };
  const expires = new Date(Date.now() + hourMs).toISOString();
  const path = `${cluster.directory}/state/pins/restore-0123456789.json`;
  h2.machine.makeDirectory(`${cluster.directory}/state/pins`, 0o700);
  h2.machine.writeFile(path, JSON.stringify({ ...pin, expires }));
  const { status, stdout } = await clean(h1);
  expect({ status, stdout }).toMatchObject({ status: 0, stdout: expect.stringContaining('pin of db2 on arch2') });
  expect(held()).toEqual([names(3, 12), names(3, 12)]);
  h2.machine.writeFile(path, JSON.stringify({ ...pin, expires: new Date(Date.now() - 1000).toISOString() }));
  expect(await clean(h1)).toMatchObject({ status: 0 });
  expect(held()).toEqual([names(6, 12), names(6, 12)]);
  expect(existsSync(h2.machine.path(path))).toBe(false);
});

test('73: two cleanups from both hosts at once and a base backup that begins: nothing that it needs is gone', async () => {
  await setUp();
  h2.machine.makeDirectory(`${cluster.directory}/data.master.3.partial`, 0o700);
  const message = await refused(44, h1);
  expect(message).toContain('data.master.3.partial');
  h2.machine.writeFile(`${cluster.directory}/data.master.3.partial/backup_label`, label(4));
  for (const result of await Promise.all([clean(h1), clean(h2)])) expect(result).toMatchObject({ status: 0 });
  expect(held()).toEqual([names(4, 12), names(4, 12)]);
  expect(tombstones()).toEqual([[], []]);
});

test('74: with no complete backup nothing is removed, by no word of the operator', async () => {
  await setUp();
  for (const [host, backup] of [
    [h1, 1],
    [h2, 2],
  ] as const)
    rmSync(cluster.path(host, `data.master.${backup}/SUCCESS`));
  for (const host of stand.hosts) {
    expect(await refused(44, host, '--force', '--trust-clock')).toContain('no complete base backup');
  }
});

test('74: a host without a complete backup of its own removes nothing for the other one, and by its own cleanup', async () => {
  await setUp();
  rmSync(cluster.path(h2, 'data.master.2/SUCCESS'));
  expect(await clean(h1)).toMatchObject({
    status: 44,
    stderr: expect.stringContaining('no complete base backup of its own'),
  });
  expect(held()).toEqual([names(6, 12), names(1, 12)]);
  // Host 2 compares its newest names with those of host 1 now, and does not take what was removed for missing.
  expect(await cluster.push(cluster.segment(), { hosts: 'arch2 arch1' })).toMatchObject({ status: 0 });
  expect(held()).toEqual([names(6, 13), names(1, 13)]);
  expect(cluster.debts(h2)).toEqual([]);
  expect(await clean(h2)).toMatchObject({ status: 0 });
  expect(held()).toEqual([names(6, 13), names(6, 13)]);
  expect(tombstones()).toEqual([[], []]);
});

test('74: with a backup on the peer that cannot be read nothing is removed, and it is named', async () => {
  await setUp();
  keepBackup(h2, 3, 9, { backup_label: 'torn' });
  expect(await refused(44, h1, '--force')).toContain(`${cluster.directory}/data.master.3`);
  expect(await refused(44, h2, '--force')).toContain(`${cluster.directory}/data.master.3`);
});

test('74: with the peer unreachable, refusing or named as absent nothing is removed', async () => {
  await setUp();
  await h1.machine.cut(h2.machine);
  await refused(20, h1, '--force');
  await h1.machine.heal(h2.machine);
  cluster.refuse(h2, 'sync');
  await refused(/^2[0-6]$/, h1, '--force');
  cluster.unwrap();
  const alone = await cleanUp(h1, ['--cluster-dir', cluster.directory]);
  expect(alone).toMatchObject({ status: 2, stderr: expect.stringContaining('no peer is named') });
  h1.machine.makeDirectory(`${cluster.directory}/debts/arch2`, 0o700);
  const lonely = ['--cluster-dir', cluster.directory, '--no-peer'];
  expect(await cleanUp(h1, lonely)).toMatchObject({
    status: 44,
    stderr: expect.stringContaining('had the peer arch2'),
  });
  expect(held()).toEqual([names(1, 12), names(1, 12)]);
  rmSync(cluster.path(h1, 'debts'), { recursive: true });
  expect(await cleanUp(h1, lonely)).toMatchObject({ status: 0 });
  expect(held()).toEqual([names(6, 12), names(1, 12)]);
});

test('74: when the WAL that a backup begins with is on neither host nothing is removed', async () => {
  await setUp();
  rmSync(cluster.path(h1, `logs.complete/${nameOf(7)}`));
  expect(await clean(h1, '--dry-run')).toMatchObject({ status: 0 });
  rmSync(cluster.path(h2, `logs.complete/${nameOf(7)}`));
  for (const host of stand.hosts) expect(await refused(44, host, '--force')).toContain(nameOf(7));
});

test('74: more than the share that is allowed is removed only where somebody insists', async () => {
  await setUp();
  expect(await refused(44, h1, '--max-remove-fraction=0.1')).toContain('5 of 12 files');
  expect(await clean(h1, '--max-remove-fraction=0.1', '--force')).toMatchObject({ status: 0 });
  expect(held()).toEqual([names(6, 12), names(6, 12)]);
});

test('79: a clock that is ten years ahead of the archive, or a day behind it, removes nothing', async () => {
  await setUp();
  for (const [ageMs, what] of [
    [10 * 365 * 24 * hourMs, 'ahead'],
    [-24 * hourMs, 'behind'],
  ] as const) {
    for (const host of stand.hosts) for (const name of names(1, 12)) age(host, name, ageMs);
    expect(await refused(44, h1, '--force'), what).toMatch(/by this host's clock/);
  }
  for (const host of stand.hosts) for (const name of names(1, 12)) age(host, name, 3 * hourMs);
  h1.machine.writeFile(
    `${cluster.directory}/state/cleanup.json`,
    JSON.stringify({ format: 1, ranAt: new Date(Date.now() + 24 * hourMs).toISOString(), oldestNeeded: nameOf(6) }),
  );
  await refused(44, h1);
  expect(await clean(h1, '--trust-clock')).toMatchObject({ status: 0 });
  expect(await clean(h1)).toMatchObject({ status: 0 });
});

/** Puts the files that a cleanup removes back on both hosts, as they were. */
function refill(kept: Map<string, Buffer>): void {
  for (const host of stand.hosts) {
    for (const [name, content] of kept) {
      if (!cluster.has(host, name)) write(host, name, content);
    }
    rmSync(cluster.path(host, 'state/tombstones'), { recursive: true, force: true });
    rmSync(cluster.path(host, 'state/cleanup.json'), { force: true });
  }
}

/** What must be true wherever a cleanup was killed: nothing that is needed is gone, and what is gone has its tombstone. */
function checkAfterKill(host: ArchiveHost, killedAt: string): void {
  expect(cluster.names(host), killedAt).toEqual(expect.arrayContaining(names(3, 12)));
  const directory = cluster.path(host, 'state/tombstones');
  const batches = existsSync(directory) ? readdirSync(directory).filter((name) => !name.startsWith('.')) : [];
  const buried = batches.flatMap(
    (batch) => JSON.parse(readFileSync(`${directory}/${batch}`, 'utf8')).names as string[],
  );
  const gone = names(1, 2).filter((name) => !cluster.has(host, name));
  // The other host is done with them only after this one was: until then each has one.
  if (cluster.has(cluster.peerOf(host), nameOf(1))) expect(buried, killedAt).toEqual(expect.arrayContaining(gone));
}

test.each(['the host that begins', 'the peer'])(
  'killed at every call that changes something, on %s: the next cleanup ends it',
  async (where) => {
    await setUp();
    keepBackup(h1, 1, 3);
    keepBackup(h2, 2, 4);
    const kept = new Map(names(1, 2).map((name) => [name, read(h1, name)]));
    const pattern = new RegExp(`^(?!create)[a-z]+ ${cluster.directory}/(logs.complete|state)`);
    const steps = await killAtEachCall(async (at) => {
      refill(kept);
      const killed = where === 'the peer' ? h2 : h1;
      const tracer = new CallTracer(killed.machine, { action: 'kill', at, pattern });
      if (killed === h2) cluster.wrap(h2, 'sync', tracer.words);
      const words = ['--cluster-dir', cluster.directory, 'arch2', '--connect-timeout=15', '--stall-timeout=15'];
      await cleanUp(h1, words, killed === h1 ? tracer.words : []);
      const killedAt = tracer.isReached ? tracer.calls()[at - 1] : undefined;
      cluster.unwrap();
      await cluster.killSessions(h2);
      for (const host of stand.hosts) checkAfterKill(host, `${killedAt}`);
      expect(await clean(h2), `after ${killedAt}`).toMatchObject({ status: 0 });
      expect(held(), `after ${killedAt}`).toEqual([names(3, 12), names(3, 12)]);
      expect(tombstones(), `after ${killedAt}`).toEqual([[], []]);
      return killedAt
        ?.replaceAll(/\w{24}/g, 'NAME')
        .replace(/\d{15}-[0-9a-f]{8}/, 'BATCH')
        .replace(cluster.directory, 'DIRECTORY');
    });
    expect(steps).toEqual(
      expect.arrayContaining([
        'write DIRECTORY/state/tombstones/.BATCH.json.part',
        'fsync DIRECTORY/state/tombstones/.BATCH.json.part',
        'link DIRECTORY/state/tombstones/BATCH.json',
        'fsync DIRECTORY/state/tombstones',
        'unlink DIRECTORY/logs.complete/NAME',
        'fsync DIRECTORY/logs.complete',
      ]),
    );
    expect(steps.filter((step) => step === 'unlink DIRECTORY/logs.complete/NAME')).toHaveLength(2);
  },
);
