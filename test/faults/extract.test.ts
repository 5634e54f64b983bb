import { closeSync, existsSync, openSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AnchoredDirectory } from '../../packages/core/src/restore/extract/anchored-directory.ts';
import { FileWriter } from '../../packages/core/src/restore/extract/file-writer.ts';
import { SyncQueue } from '../../packages/core/src/restore/extract/sync-queue.ts';
import { TargetTree } from '../../packages/core/src/restore/extract/target-tree.ts';
import { LoopDisk } from '../support/loop-disk.ts';
import type { Machine } from '../support/machine.ts';
import { PostgresCluster } from '../support/postgres-cluster.ts';
import { findPostgresPrograms } from '../support/postgres-programs.ts';
import type { Program } from '../support/program.ts';
import { REPOSITORY_ROOT } from '../support/repository.ts';
import { Stand } from '../support/stand.ts';
import { waitFor } from '../support/wait-for.ts';
import { treeOf } from '../unit/restore/extract/made-backup.ts';

const backup = '/archive/backup';
const rows = 300_000;
const marker = '.archive2-restore.json';

let stand: Stand;
let machine: Machine;
let cluster: PostgresCluster;
/** Of the tablespace. */
let oid: string;

const program = (name: string) => `${findPostgresPrograms()}/${name}`;

async function takeBackup(to: string, ...more: string[]): Promise<void> {
  const how = ['-Ft', '-Xstream', '-cfast', '--compress=server-zstd:level=1', '--no-sync', ...more];
  await machine.check([program('pg_basebackup'), '-D', to, ...how, '-h', '/run/postgresql', '-p', `${cluster.port}`]);
  // As base-backup keeps it beside the tars.
  await machine.check(['mkdir', `${to}/global`]);
  await machine.check(['cp', `${cluster.dataDirectory}/global/pg_control`, `${to}/global/`]);
}

beforeAll(async () => {
  stand = await Stand.create({ name: 'extract' });
  machine = await stand.machine('db1');
  cluster = await PostgresCluster.init(machine);
  await cluster.start();
  machine.makeDirectory('/archive', 0o700);
  machine.makeDirectory('/old', 0o700);
  await cluster.sql("CREATE TABLESPACE elsewhere LOCATION '/old'");
  await cluster.sql(`CREATE TABLE here AS SELECT i, repeat(i::text, 10) AS t FROM generate_series(1, ${rows}) i;
    CREATE TABLE there TABLESPACE elsewhere AS SELECT * FROM here`);
  oid = await cluster.value("SELECT oid FROM pg_tablespace WHERE spcname = 'elsewhere'");
  await takeBackup(backup);
  await extracted('/archive/reference');
});

afterAll(async () => {
  await stand?.close();
});

/** Runs in the machine, as the unprivileged user. */
function extract(target: string, { from = backup, pages = false }: { from?: string; pages?: boolean } = {}): Program {
  const bun = join(REPOSITORY_ROOT, 'node_modules/bun/bin/bun.exe');
  const argv = [bun, join(REPOSITORY_ROOT, 'test/support/extract-program.ts'), from, target, `${oid}=${target}.ts`];
  const running = machine.spawn(argv, { env: { PAGES: pages ? 'yes' : 'no' } });
  running.input.end();
  return running;
}

async function extracted(target: string, options?: Parameters<typeof extract>[1]): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await extract(target, options).endWithin(60_000);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;
}

const treeAt = (target: string) => {
  const { [marker]: _marker, tablespace_map: _map, ...tree } = treeOf(machine.path(target));
  const { [marker]: _theirs, ...tablespace } = treeOf(machine.path(`${target}.ts`));
  return { tree: { ...tree, [`pg_tblspc/${oid}`]: 'link' }, tablespace };
};

function removeMarkers(target: string): void {
  for (const directory of [target, `${target}.ts`]) rmSync(machine.path(`${directory}/${marker}`));
}

function remove(target: string): void {
  for (const directory of [target, `${target}.ts`]) rmSync(machine.path(directory), { recursive: true, force: true });
}

test('a server starts from what was extracted, with its tablespace in the new place only', async () => {
  const restored = PostgresCluster.adopt(machine, { name: 'restored' });
  const { pages } = (await extracted(restored.dataDirectory, { pages: true })) as { pages: Record<string, number> };
  expect(pages).toMatchObject({ badCount: 0, bad: [] });
  expect(pages['checkedCount']).toBeGreaterThan(2000);
  removeMarkers(restored.dataDirectory);
  await machine.check([program('pg_verifybackup'), '-n', '-i', 'tablespace_map', restored.dataDirectory]);
  restored.configure({ port: restored.port, archive_mode: false });
  await restored.start();
  expect(await restored.sql('SELECT count(*), sum(i) FROM here')).toEqual([`${rows}|${(rows * (rows + 1)) / 2}`]);
  expect(await restored.sql('SELECT count(*), sum(i) FROM there')).toEqual([`${rows}|${(rows * (rows + 1)) / 2}`]);
  // The server has made the links anew from tablespace_map.
  expect(existsSync(machine.path(`${restored.dataDirectory}/tablespace_map.old`))).toBe(true);
  const place = await restored.value(`SELECT pg_tablespace_location(${oid})`);
  expect(place).toBe(`${restored.dataDirectory}.ts`);
  await restored.stop();
});

test('a page that was damaged on the server is named by file and block', async () => {
  await cluster.sql('CHECKPOINT');
  const file = await cluster.value("SELECT pg_relation_filepath('here')");
  await cluster.stop();
  const at = 17 * 8192 + 5000;
  const descriptor = openSync(machine.path(`${cluster.dataDirectory}/${file}`), 'r+');
  const byte = Buffer.alloc(1);
  readSync(descriptor, byte, 0, 1, at);
  writeSync(descriptor, Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, at);
  await cluster.start();
  await takeBackup('/archive/damaged', '--no-verify-checksums');
  writeSync(descriptor, byte, 0, 1, at);
  closeSync(descriptor);
  const { pages } = await extracted('/archive/pages', { from: '/archive/damaged', pages: true });
  expect(pages).toMatchObject({ badCount: 1, bad: [{ file, block: 17 }] });
  const { pages: unasked } = await extracted('/archive/unasked', { from: '/archive/damaged' });
  expect(unasked).toBeUndefined();
  for (const target of ['/archive/pages', '/archive/unasked']) remove(target);
});

test('killed at any moment, the same call ends it; SIGTERM ends it within two seconds', async () => {
  const target = '/archive/killed';
  for (const lines of [1, 2, 4, 6]) {
    const killed = extract(target);
    await waitFor(() => killed.stdout.split('\n').length > lines || !killed.isRunning, {
      what: 'progress',
      intervalMs: 1,
    });
    await killed.signal('SIGKILL');
    await killed.exited;
  }
  const stopped = extract(target);
  await waitFor(() => stopped.stdout.includes('\n'), { what: 'progress', intervalMs: 1 });
  const beforeMs = performance.now();
  await stopped.signal('SIGTERM');
  const { status, stderr } = await stopped.endWithin(10_000);
  expect(performance.now() - beforeMs).toBeLessThan(2000);
  expect({ status, stderr }).toMatchObject({ status: 64, stderr: expect.stringContaining('interrupted') });
  await extracted(target);
  expect(treeAt(target)).toEqual(treeAt('/archive/reference'));
  remove(target);
});

test('92: a target without room is told as such, and filled by the same call when there is some', async () => {
  await machine.mountTmpfs('/small', 20 * 2 ** 20);
  const target = '/small/data';
  const { status, stderr } = await extract(target).endWithin(60_000);
  expect(status).toBe(33);
  expect(JSON.parse(stderr)).toMatchObject({ code: 'disk_full', hint: expect.stringContaining('Make room there') });
  await machine.check(['mount', '-o', 'remount,size=400m', '/small'], { user: 'root' });
  await extracted(target);
  expect(treeAt(target)).toEqual(treeAt('/archive/reference'));
  await machine.unmount('/small');
});

test('39: what was extracted is there after the power cut that follows', async () => {
  const disk = await LoopDisk.mount(machine, '/disk', 400);
  const target = '/disk/data';
  await extracted(target);
  await disk.cutPower();
  await disk.unmount();
  await disk.mount();
  expect(treeAt(target)).toEqual(treeAt('/archive/reference'));
  const found = readFileSync(machine.path(`${target}/${marker}`), 'utf8');
  expect(JSON.parse(found)).toMatchObject({ extracted: { host: 'here' } });
  // Here, without the marker, nothing else makes the disk write: what counts is each file's own fsync.
  for (const direct of [true, false]) {
    const name = direct ? 'direct' : 'cached';
    await writeFiles(machine.path(`/disk/${name}`), direct);
    await disk.cutPower();
    await disk.unmount();
    await disk.mount();
    const sizes = Object.entries(treeOf(machine.path(`/disk/${name}`))).map(([file, content]) => [
      file,
      content.length,
    ]);
    expect(Object.fromEntries(sizes)).toEqual({
      below: 3,
      ...Object.fromEntries(sizesOf.map((size) => [`below/${size}`, size])),
    });
  }
  await disk.remove();
});

const sizesOf = [1, 4096, 8192, 100_001, 5_000_000];

/** As an extraction does it. */
async function writeFiles(directory: string, direct: boolean): Promise<void> {
  const { signal } = new AbortController();
  const root = await AnchoredDirectory.open(directory, undefined);
  const tree = new TargetTree(root);
  const syncs = new SyncQueue(signal);
  const writer = new FileWriter({ direct, owner: undefined, syncs, onContent: () => undefined });
  tree.makeDirectory('below');
  for (const size of sizesOf) {
    writer.begin(`${size}`, tree.wayToFile(`below/${size}`));
    writer.content(Buffer.alloc(size, 'content '));
    writer.end();
  }
  await writer.finish();
  await syncs.finish();
  await tree.finish(undefined, signal);
  root.close();
}
