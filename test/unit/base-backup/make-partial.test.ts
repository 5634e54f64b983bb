import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { removeLeftovers } from '../../../packages/base-backup/src/take/leftovers.ts';
import { makePartial } from '../../../packages/base-backup/src/take/make-partial.ts';
import { backupDirectory } from '../../../packages/core/src/backups/backup-directory.ts';
import { lastRunPartial, noteRun } from '../../../packages/core/src/backups/backup-run.ts';
import { listBackups } from '../../../packages/core/src/backups/list-backups.ts';
import { silentLog } from '../../../packages/core/src/base/log.ts';
import { clusterDirectory } from '../archive/test-store.ts';
import { identity } from '../backups/backup-files.ts';
import { failureFrom } from '../base/expect-failure.ts';

const name = 'data.master.1.partial';

/** A cluster directory whose run has noted its number. */
async function noted() {
  const cluster = clusterDirectory();
  mkdirSync(cluster.stateDirectory, { recursive: true });
  await noteRun(cluster, name, 'run', Date.now());
  const directory = backupDirectory(cluster, 1, 'partial');
  const nextRun = () => removeLeftovers(cluster, () => listBackups(cluster, identity, Date.now()), silentLog);
  return { cluster, directory, nextRun };
}

test('what a killed run has made and noted is removed by the next one', async () => {
  const { cluster, directory, nextRun } = await noted();
  await makePartial(cluster, directory);
  writeFileSync(join(directory, 'base.tar'), 'begun');
  expect(await lastRunPartial(cluster)).toBe(name);
  await nextRun();
  expect(existsSync(directory)).toBe(false);
});

test('what another tool has made under the noted name stays, now and in the next run', async () => {
  const { cluster, directory, nextRun } = await noted();
  mkdirSync(directory);
  writeFileSync(join(directory, 'base.tar'), 'of somebody else');
  const failure = await failureFrom('busy', makePartial(cluster, directory));
  expect(failure.hint).toContain('next run takes another number');
  await nextRun();
  expect(readdirSync(directory)).toEqual(['base.tar']);
});

test('where none can be made, the disk’s error is told', async () => {
  const { cluster, directory } = await noted();
  rmSync(cluster.path, { recursive: true });
  await expect(makePartial(cluster, directory)).rejects.toThrow(/ENOENT|no such file/);
});
