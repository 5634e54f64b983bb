import { rmSync, statfsSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { PostgresCluster } from '../support/postgres-cluster.ts';
import { IMPATIENT, RestoreStand } from '../support/restore-stand.ts';
import { waitFor } from '../support/wait-for.ts';

const MIB = 1024 ** 2;
const BUFFER = '/buffer';

let it: RestoreStand;
let copy: PostgresCluster;
const mounts: string[] = [];

beforeAll(async () => {
  it = await RestoreStand.create();
  await it.write(60, 100_000);
});

afterEach(async () => {
  await it.stop(copy);
  for (const directory of mounts.splice(0)) await it.restorer.unmount(directory);
  await it.discard(copy);
});

afterAll(async () => {
  await it?.close();
});

const mount = async (directory: string, sizeMb: number) => {
  await it.restorer.mountTmpfs(directory, sizeMb * MIB);
  mounts.push(directory);
};

const fillerOf = (directory: string) => `${directory}/filler`;

/** Leaves so many bytes of a file system free. */
const fill = (directory: string, leftBytes: number) => {
  const { bavail, bsize } = statfsSync(it.restorer.path(directory));
  it.restorer.writeFile(fillerOf(directory), Buffer.alloc(bavail * bsize - leftBytes));
};

const makeRoom = (directory: string) => rmSync(it.restorer.path(fillerOf(directory)));

const restoreCommand = () => it.stand.restoreCommand(...IMPATIENT, `--buffer-dir=${BUFFER}`);

test('92: a buffer that holds two segments of a window of eight is enough', async () => {
  await mount(BUFFER, 3);
  copy = await it.copy({ restoreCommand: restoreCommand() });
  await copy.start();
  await it.expectOpened(copy);
});

test('92: with no room at all in the buffer directory, PostgreSQL still gets its files', async () => {
  await mount(BUFFER, 3);
  fill(BUFFER, 0.5 * MIB);
  copy = await it.copy({ restoreCommand: restoreCommand() });
  await copy.start();
  await it.expectOpened(copy);
  expect(it.agentLog(copy)).toMatch(/no place in the buffer.*ENOSPC/);
});

test('92: pg_wal is full: a standby says so, and follows when there is room', async () => {
  copy = await it.copy({ standby: true, restoreCommand: restoreCommand() });
  const directory = `${copy.dataDirectory}/pg_wal`;
  await mount(BUFFER, 20);
  await mount(directory, 80);
  fill(directory, 2.5 * MIB);
  await copy.startWithoutWaiting();
  const isTold = () => copy.log().includes('pg_wal/RECOVERYXLOG cannot be written (ENOSPC)');
  await waitFor(isTold, { what: 'restore_cmd to say that pg_wal is full', timeoutMs: 30_000 });
  expect(copy.log()).toContain('HINT: The archive has the file; make room');
  expect(copy.log()).not.toContain('selected new timeline');
  makeRoom(directory);
  await waitFor(() => copy.isRunning || copy.startWithoutWaiting().then(() => true), { what: 'the standby to run' });
  await it.expectFollows(copy);
});

test('92: pg_wal is full: a recovery stops without opening, and opens when there is room', async () => {
  copy = await it.copy({ restoreCommand: restoreCommand() });
  const directory = `${copy.dataDirectory}/pg_wal`;
  await mount(BUFFER, 20);
  await mount(directory, 80);
  fill(directory, 2.5 * MIB);
  await copy.startWithoutWaiting();
  await waitFor(() => copy.log().includes('FATAL') && !copy.isRunning, { what: 'recovery to stop', timeoutMs: 30_000 });
  expect(copy.log()).toContain('pg_wal/RECOVERYXLOG cannot be written (ENOSPC)');
  expect(copy.log()).not.toMatch(/ready to accept connections|selected new timeline/);
  makeRoom(directory);
  await copy.start();
  await it.expectOpened(copy);
});
