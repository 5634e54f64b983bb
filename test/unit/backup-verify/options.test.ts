import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { commandSpec, readCall } from '../../../packages/backup-verify/src/options.ts';
import { optionsOfTask } from '../../../packages/backup-verify/src/queue/verify-from-queue.ts';
import { readOrder } from '../../../packages/backup-verify/src/read-order.ts';
import { parseArguments } from '../../../packages/core/src/cli/arguments.ts';
import type { Claim } from '../../../packages/core/src/queue/task.ts';

const directory = mkdtempSync(join(tmpdir(), 'verify-options-'));
afterAll(() => rmSync(directory, { recursive: true }));

async function order(...words: string[]) {
  return await orderOf('main', ...words);
}

async function orderOf(cluster: string, ...words: string[]) {
  const usual = ['--cluster', cluster, '--cluster-dir', '/storage/main', '--hosts', 'arch1 arch2'];
  const { options } = await parseArguments(commandSpec, [...usual, ...words]);
  return await readOrder(options, { host: 'here', stateDirectory: '/state' });
}

const usage = (problem: string) => ({ code: 'usage', message: expect.stringContaining(problem) });

describe('the options of a drill', () => {
  test('are strict by default: fresh data, not empty, evidence kept', async () => {
    expect(await order()).toMatchObject({
      wish: { kind: 'newest' },
      target: 'latest',
      maxRpoMs: 86_400_000,
      minShare: 0.5,
      allowEmpty: false,
      keepOnFailure: true,
      scratchDirectory: '/state/drill',
      checks: [],
    });
  });

  test('say which backup, how far, and what it must prove', async () => {
    const words = [
      '--backup',
      'archive@arch1:data.master.7',
      '--target',
      'random',
      '--max-rpo',
      'none',
      '--heapallindexed',
    ];
    expect(await order(...words, '--set', 'work_mem=1MB', '--set', 'a.b=c=d', '--no-keep-on-failure')).toMatchObject({
      wish: { kind: 'named', host: 'archive@arch1', name: 'data.master.7' },
      target: 'random',
      maxRpoMs: undefined,
      amcheck: true,
      heapAllIndexed: true,
      settings: { work_mem: '1MB', 'a.b': 'c=d' },
      keepOnFailure: false,
    });
  });

  test('take checks by hand, from a file, and for each cluster from a directory', async () => {
    writeFileSync(join(directory, 'main.sql'), '-- check: one\nselect true');
    const names = async (...words: string[]) => (await order(...words)).checks.map(({ name }) => name);
    expect(
      await names('--check', 'select 1 = 1', '--check', 'select true', '--checks', join(directory, 'main.sql')),
    ).toEqual(['select 1 = 1', 'select true', 'one']);
    expect(await names('--checks', directory)).toEqual(['one']);
    expect((await orderOf('other', '--checks', directory)).checks).toEqual([]);
    await expect(names('--checks', join(directory, 'none.sql'))).rejects.toMatchObject(usage('cannot be read'));
  });

  test.each([
    [['--rotate', '--newest'], 'only one of'],
    [['--target', 'yesterday'], 'latest or random'],
    [['--scratch', 'here'], 'not an absolute path'],
    [['--set', 'nothing'], 'not NAME=VALUE'],
    [['--max-rpo', 'soon'], 'not a time'],
    [['--system-identifier', 'x'], 'no number'],
  ])('%j are refused', async (words, problem) => {
    await expect(order(...words)).rejects.toMatchObject(usage(problem));
  });

  test('a call takes no words, and --now only from a queue and for a cluster', async () => {
    const { options } = await parseArguments(commandSpec, ['--now']);
    expect(() => readCall([], options)).toThrow(expect.objectContaining(usage('--now needs')));
    expect(() => readCall(['main'], {})).toThrow(expect.objectContaining(usage('unexpected word')));
  });
});

describe('a task of the queue', () => {
  const claim = {
    cluster: 'main',
    directory: '/nowhere/main',
    peers: ['arch1', 'arch2'],
    options: {},
  } as unknown as Claim;

  test('names its cluster and directory, and elsewhere than on an archive host its hosts', () => {
    expect(optionsOfTask(claim, { json: true })).toEqual({
      json: true,
      cluster: 'main',
      'cluster-dir': '/nowhere/main',
      hosts: 'arch1 arch2',
    });
    expect(optionsOfTask(claim, { hosts: 'archive@arch1' })['hosts']).toBe('archive@arch1');
  });

  test('has its own options over those of the call, and no others', () => {
    const options = { cluster: 'shop', hosts: 'a b', rotate: 'true', dump: 'false', 'max-rpo': '60' };
    const merged = optionsOfTask({ ...claim, options }, { rotate: false, dump: true, 'max-rpo': '1' });
    expect(merged).toMatchObject({ cluster: 'shop', hosts: 'a b', rotate: true, dump: false, 'max-rpo': '60' });
    expect(() => optionsOfTask({ ...claim, options: { scratch: '/' } }, {})).toThrow(
      expect.objectContaining(usage('"scratch"')),
    );
  });
});
