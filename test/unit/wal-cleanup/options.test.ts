import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Debts } from '../../../packages/core/src/archive/debts.ts';
import { writeCleanupState } from '../../../packages/core/src/backups/cleanup-state.ts';
import { parseArguments } from '../../../packages/core/src/cli/arguments.ts';
import { parseArchiveFileName } from '../../../packages/core/src/wal/archive-file.ts';
import { choosePeer } from '../../../packages/wal-cleanup/src/choose-peer.ts';
import { protectionOfNamed } from '../../../packages/wal-cleanup/src/named-backup.ts';
import { type CleanupOptions, commandSpec, readOptions } from '../../../packages/wal-cleanup/src/options.ts';
import { clusterDirectory } from '../archive/test-store.ts';
import { nameOf } from '../archive/wal-segment.ts';
import { identity, lsnIn, makeBackup, makeOldBackup, nowMs } from '../backups/backup-files.ts';
import { failureFrom } from '../base/expect-failure.ts';

async function optionsOf(...args: string[]): Promise<CleanupOptions> {
  const { words, options } = await parseArguments(commandSpec, args);
  return readOptions(words, options);
}

describe('a call of wal-cleanup', () => {
  test('names the cluster directory, and the peer as a word, as a flag, or not at all', async () => {
    expect(await optionsOf('--cluster-dir', '/a/main', 'archive@arch2')).toMatchObject({
      directory: { path: '/a/main' },
      peer: 'archive@arch2',
      oldestBackup: undefined,
      hasNoPeer: false,
      dryRun: false,
      keepMs: 0,
      maxRemoveFraction: 0.5,
    });
    expect(await optionsOf('--cluster-dir=/a/main', '--peer=arch2=x@y')).toMatchObject({ peer: 'arch2=x@y' });
    expect(await optionsOf('--cluster-dir=/a/main')).toMatchObject({ peer: undefined, hasNoPeer: false });
    expect(await optionsOf('--cluster-dir=/a/main', '--no-peer')).toMatchObject({ peer: undefined, hasNoPeer: true });
  });

  test('of the old scripts names the oldest backup, the WAL directory and the peer', async () => {
    expect(await optionsOf('/a/main/data.master.5', '/a/main/logs.complete', 'arch2', '--dry-run')).toMatchObject({
      directory: { path: '/a/main' },
      oldestBackup: '/a/main/data.master.5',
      peer: 'arch2',
      dryRun: true,
    });
  });

  test('has days and shares as numbers', async () => {
    const options = await optionsOf('--cluster-dir=/a/main', '--keep-days=2.5', '--max-remove-fraction=0.25', '--json');
    expect(options).toMatchObject({ keepMs: 216_000_000, maxRemoveFraction: 0.25, json: true });
  });

  test.each([
    [],
    ['/a/main/data.master.5'],
    ['/a/main/data.master.5', '/a/main'],
    ['/a/main/data.master.5', '/a/main/logs.complete', 'arch2', 'arch3'],
    ['--cluster-dir=/a/main', 'arch2', 'arch3'],
    ['--cluster-dir=a/main'],
    ['--cluster-dir=/a/main', '--keep-days=soon'],
    ['--cluster-dir=/a/main', '--keep-days=-1'],
    ['--cluster-dir=/a/main', '--max-remove-fraction=2'],
    ['--cluster-dir=/a/main', '--remove-everything'],
  ])('with %j is wrong usage', async (...args) => {
    await failureFrom('usage', optionsOf(...args));
  });
});

describe('the peer', () => {
  const alone = ['--no-peer'];

  async function chosen(args: string[], environment: Record<string, string> = {}, directory = clusterDirectory()) {
    return await choosePeer({ ...(await optionsOf(`--cluster-dir=${directory.path}`, ...args)) }, environment);
  }

  test('is the one that is said, else the one of the environment', async () => {
    expect(await chosen(['archive@arch2:2222'])).toMatchObject({ name: 'archive_arch2_2222', spec: { host: 'arch2' } });
    expect(await chosen(['--peer=b=archive@arch2'])).toMatchObject({ name: 'b', spec: { text: 'archive@arch2' } });
    expect(await chosen([], { ARCHIVE2_PEER: 'arch2=archive@arch2' })).toMatchObject({ name: 'arch2' });
  });

  test('that nobody names is asked for, and one that is no host is refused', async () => {
    await failureFrom('usage', chosen([]));
    await failureFrom('usage', chosen(['-oProxyCommand=x']));
  });

  test('may be missing only where nothing names one', async () => {
    expect(await chosen(alone)).toBeUndefined();
    await failureFrom('usage', chosen(alone, { ARCHIVE2_PEER: 'arch2' }));
    await failureFrom('usage', chosen(['arch2', ...alone]));
  });

  test('that was there a while ago is not forgotten without insistence', async () => {
    const owing = clusterDirectory();
    await new Debts(owing, 'arch2').record(parseArchiveFileName(nameOf(1)).name);
    await failureFrom('cleanup_refused', chosen(alone, {}, owing));
    expect(await chosen([...alone, '--force'], {}, owing)).toBeUndefined();
    const cleaned = clusterDirectory();
    makeBackup(cleaned, 'state', {});
    await writeCleanupState(cleaned, { ranMs: nowMs, peer: 'arch2', oldestNeeded: nameOf(1) });
    await failureFrom('cleanup_refused', chosen(alone, {}, cleaned));
  });
});

describe('the named backup', () => {
  test('protects from its start, wherever it lies, and permits nothing', async () => {
    const cluster = clusterDirectory();
    const path = makeOldBackup(cluster, 'somewhere-else', 7);
    expect(await protectionOfNamed(path, identity, nowMs)).toMatchObject({
      holder: `backup ${path}`,
      from: { lsn: lsnIn(7) },
      permits: false,
    });
  });

  test('that is not there, or does not say what it needs, is an error', async () => {
    const cluster = clusterDirectory();
    await failureFrom('usage', protectionOfNamed(`${cluster.path}/data.master.1`, identity, nowMs));
    writeFileSync(`${cluster.path}/file`, '');
    await failureFrom('usage', protectionOfNamed(`${cluster.path}/file`, identity, nowMs));
    const path = makeBackup(cluster, 'data.master.1', { SUCCESS: '' });
    await failureFrom('cleanup_refused', protectionOfNamed(path, identity, nowMs));
  });
});
