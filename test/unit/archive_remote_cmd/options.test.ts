import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runInit } from '../../../packages/archive_remote_cmd/src/init.ts';
import { commandSpec, readOptions } from '../../../packages/archive_remote_cmd/src/options.ts';
import { ClusterDirectory } from '../../../packages/core/src/archive/cluster-directory.ts';
import { Activity } from '../../../packages/core/src/base/activity.ts';
import { systemClock } from '../../../packages/core/src/base/clock.ts';
import { silentLog } from '../../../packages/core/src/base/log.ts';
import { parseArguments } from '../../../packages/core/src/cli/arguments.ts';
import { noEvents } from '../../../packages/core/src/files/event-log.ts';
import { peerOfHint } from '../../../packages/core/src/hosts/peer.ts';
import { openStore, store } from '../archive/test-store.ts';
import { nameOf, segment } from '../archive/wal-segment.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { temporaryDirectory } from '../files/temporary-directory.ts';

async function optionsOf(...args: string[]) {
  return readOptions((await parseArguments(commandSpec, args)).options);
}

async function peerOf(text: string) {
  return (await optionsOf(...required, `--peer=${text}`)).peer;
}

/** `init` of this directory for this cluster. */
async function init(directory: ClusterDirectory, cluster: string): Promise<void> {
  const options = await optionsOf('init', `--dir=${directory.path}`, `--cluster=${cluster}`);
  const [clock, log, activity] = [systemClock, silentLog, new Activity()];
  await runInit({ words: [], options, environment: {}, clock, log, events: noEvents, activity });
}

const required = ['serve', '--dir=/storage/main', '--cluster=main'];

describe('the options', () => {
  test('have the rights that are named, and none by default', async () => {
    expect([...(await optionsOf(...required)).rights]).toEqual([]);
    expect([...(await optionsOf(...required, '--allow=put,get')).rights]).toEqual(['put', 'get']);
    for (const allow of ['all', 'put,', 'put, get', 'PUT', '*']) {
      const rights = optionsOf(...required, `--allow=${allow}`);
      if (allow === 'put,') expect([...(await rights).rights]).toEqual(['put']);
      else await failureFrom('usage', rights);
    }
  });

  test.each([
    ['--dir=main'],
    ['--dir=/storage/main/'],
    ['--dir=/storage/../main'],
    ['--cluster=../main'],
    ['--peer-wait=3'],
    ['--peer-wait=-1'],
    ['--max-ahead=0'],
    ['--peer=../x=h'],
    ['--peer=x=-oProxyCommand=id'],
  ])('refuse %s', async (flag) => {
    await failureFrom('usage', optionsOf(...required, flag));
  });

  test('need a directory and a cluster', async () => {
    await failureFrom('usage', optionsOf('serve', '--cluster=main'));
    await failureFrom('usage', optionsOf('serve', '--dir=/storage/main'));
  });
});

describe('a peer', () => {
  test('has a name for directories, and a place', async () => {
    expect(await peerOf('arch2=wal@10.0.0.2:2222')).toMatchObject({ name: 'arch2', spec: { user: 'wal', port: 2222 } });
    expect(await peerOf('arch2')).toMatchObject({ name: 'arch2', spec: { host: 'arch2' } });
  });

  test.each(['=h', '../x=h', 'a/b=h', '.x=h', 'x=', 'x=a b', '-x=h'])('is not %j', async (text) => {
    await failureFrom('usage', peerOf(text));
  });

  test('that a client names gets a name that is safe for a directory, or is none', async () => {
    expect(peerOfHint('wal@arch2:2222')?.name).toBe('wal_arch2_2222');
    expect(peerOfHint('.arch2')).toBeUndefined();
    await failureFrom('usage', () => peerOfHint('../../etc'));
    await failureFrom('usage', () => peerOfHint('-oProxyCommand=id'));
  });
});

describe('init', () => {
  test('makes the directories for their owner alone, leaves no test file, and may be done again', async () => {
    const directory = new ClusterDirectory(join(temporaryDirectory(), 'main'));
    for (let time = 0; time < 2; time++) {
      await init(directory, 'main');
      expect(readdirSync(directory.path).sort()).toEqual(['logs.complete', 'state']);
      expect(readdirSync(directory.walDirectory)).toEqual([]);
    }
    for (const path of [directory.path, directory.walDirectory, directory.stateDirectory]) {
      expect(statSync(path).mode & 0o7777).toBe(0o700);
    }
  });

  test('does not make what is above it: a disk may not be mounted', async () => {
    const parent = temporaryDirectory();
    const directory = new ClusterDirectory(join(parent, 'disk', 'main'));
    await failureFrom('not_initialized', init(directory, 'main'));
    expect(readdirSync(parent)).toEqual([]);
  });

  test('leaves the archive of another cluster alone, and its own as it is', async () => {
    const directory = new ClusterDirectory(join(temporaryDirectory(), 'main'));
    await init(directory, 'main');
    await store(await openStore(directory), await segment(nameOf(1)));
    await failureFrom('wrong_cluster', init(directory, 'other'));
    await init(directory, 'main');
    expect(readdirSync(directory.walDirectory)).toEqual([nameOf(1)]);
  });

  test('fails on a file that is in the way', async () => {
    const path = join(temporaryDirectory(), 'main');
    writeFileSync(path, '');
    await expect(init(new ClusterDirectory(path), 'main')).rejects.toThrow();
    expect(statSync(path).isFile()).toBe(true);
  });
});
