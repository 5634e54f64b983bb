import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Call } from '@archive2/archive-status/form.ts';
import { serveForm } from '@archive2/archive-status/serve/serve-form.ts';
import { systemClock } from '@archive2/core/base/clock.ts';
import { silentLog } from '@archive2/core/base/log.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { healthyCluster, madeUpReport } from './made-up-report.ts';
import { samplesIn } from './samples-in.ts';

let directory = '';
let opened = 0;
let closed = 0;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'serve-form-'));
  opened = 0;
  closed = 0;
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function callWith(
  options: Record<string, unknown>,
  gather: () => Promise<ReturnType<typeof madeUpReport>> = () => Promise.resolve(madeUpReport([healthyCluster()])),
): Call {
  return {
    words: [],
    options: { interval: '5', ...options },
    environment: {},
    layout: { colours: false, width: undefined },
    timeZone: 'UTC',
    clock: systemClock,
    log: silentLog,
    print: () => Promise.resolve(),
    openGatherer: () => {
      opened += 1;
      return Promise.resolve({
        clusters: [],
        gather,
        close: () => {
          closed += 1;
          return Promise.resolve();
        },
      });
    },
  };
}

describe('what nobody may be let in by is refused before anything is asked', () => {
  test.each([
    ['an address of other machines without a token', { listen: '0.0.0.0:9187' }, 'needs --token-file'],
    ['one of them by IPv6', { listen: '[::]:9187' }, 'needs --token-file'],
    ['a name', { listen: 'monitor1:9187' }, 'is not an address'],
    ['a token file that is not there', { 'token-file': '/nowhere/token' }, 'cannot be read'],
    ['a file and an address', { textfile: '/tmp/a.prom', listen: '127.0.0.1:1' }, 'exclude each other'],
    ['a file and a socket', { textfile: '/tmp/a.prom', socket: '/tmp/a' }, 'exclude each other'],
    ['no time at all between two looks', { interval: '0' }, '--interval'],
  ])('%s', async (_what, options, message) => {
    await expect(serveForm.run(callWith(options))).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining(message),
    });
    expect(opened).toBe(0);
  });
});

describe('--textfile', () => {
  const path = () => join(directory, 'archive2.prom');

  test('replaces the file as a whole, for others to read, and leaves nothing beside it', async () => {
    writeFileSync(path(), 'old\n', { mode: 0o600 });
    expect(await serveForm.run(callWith({ textfile: path() }))).toBe(0);
    expect(samplesIn(readFileSync(path(), 'utf8')).value('archive2_host_up', { host: 'arch1' })).toBe(1);
    expect(statSync(path()).mode & 0o777).toBe(0o644);
    expect(readdirSync(directory)).toEqual(['archive2.prom']);
    expect(closed).toBe(1);
  });

  test('says that a look failed as a whole, in place of what an earlier one found', async () => {
    await serveForm.run(callWith({ textfile: path() }));
    const failing = callWith({ textfile: path() }, () => Promise.reject(new Error('no more memory')));
    await expect(serveForm.run(failing)).rejects.toThrow('no more memory');
    const samples = samplesIn(readFileSync(path(), 'utf8'));
    expect(samples.names()).toEqual(['archive2_build_info', 'archive2_gathering_failed']);
    expect(samples.value('archive2_gathering_failed', {})).toBe(1);
    expect(closed).toBe(2);
  });

  test('writes no file that the collector would not read', async () => {
    const wrong = join(directory, 'archive2.txt');
    await expect(serveForm.run(callWith({ textfile: wrong }))).rejects.toMatchObject({ code: 'usage' });
    expect(existsSync(wrong)).toBe(false);
  });
});
