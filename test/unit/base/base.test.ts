import { spawnSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { childEnvironment } from '../../../packages/core/src/base/child-environment.ts';
import { systemClock } from '../../../packages/core/src/base/clock.ts';
import { withDeadline } from '../../../packages/core/src/base/deadline.ts';
import { Failure, systemErrorCode, toFailure } from '../../../packages/core/src/base/failure.ts';
import { formatFailure } from '../../../packages/core/src/base/format-failure.ts';
import { createLog, formatLogLine } from '../../../packages/core/src/base/log.ts';
import { findPasswdEntry } from '../../../packages/core/src/base/passwd.ts';

describe('a log line', () => {
  test('is one line that no terminal acts on, whatever is logged', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (event, value) => {
        const line = formatLogLine('info', event, { value });
        expect(line).not.toMatch(/\p{Cc}/u);
      }),
    );
  });

  test.each([
    ['plain', 'key=plain'],
    ['two words', 'key="two words"'],
    ['', 'key=""'],
    ['say "x"', 'key="say \\"x\\""'],
    ['/a/b:1@c%d+e,f-g.h_i', 'key=/a/b:1@c%d+e,f-g.h_i'],
    ['a=b', 'key="a=b"'],
  ])('has the value %j as %s', (value, written) => {
    expect(formatLogLine('info', 'event', { key: value, left: undefined })).toBe(`info: event ${written}`);
  });

  test('is written from its threshold on', () => {
    const lines: string[] = [];
    const log = createLog((line) => lines.push(line), 'warning');
    log.debug('a');
    log.info('b');
    log.warning('c');
    log.error('d', { n: 1 });
    expect(lines).toEqual(['warning: c', 'error: d n=1']);
  });
});

describe('a failure', () => {
  test('is told with its code and details, and what to do on a line of its own', () => {
    const failure = new Failure('conflict', 'two\ncontents', {
      hint: 'Look\u001b[2J.',
      details: { host: 'arch1', sent: 1 },
    });
    expect(formatFailure(failure)).toBe('error: two\\x0acontents code=conflict host=arch1\nHINT: Look\\x1b[2J.\n');
  });

  test('is made of anything that was thrown', () => {
    const failure = new Failure('conflict', 'x');
    expect(toFailure(failure)).toBe(failure);
    for (const thrown of [new Error('x'), new Error(''), 'x', undefined, null, 0, {}]) {
      expect(toFailure(thrown).code).toBe('internal');
      expect(toFailure(thrown).message).not.toBe('');
    }
  });

  test('of the system is known by its code', () => {
    expect(systemErrorCode(Object.assign(new Error('x'), { code: 'ENOENT' }))).toBe('ENOENT');
    for (const other of [new Error('x'), Object.assign(new Error('x'), { code: 1 }), { code: 'ENOENT' }, undefined]) {
      expect(systemErrorCode(other)).toBeUndefined();
    }
  });
});

describe('the environment of programs that we start', () => {
  test('holds what they need and our settings, and nothing that configures a runtime or may be a secret', () => {
    const environment = {
      PATH: '/usr/bin',
      HOME: '/root',
      SSH_AUTH_SOCK: '/run/agent',
      ARCHIVE2_PWALS: '4',
      BUN_OPTIONS: '--preload=/x.ts',
      BUN_INSPECT: 'ws://x',
      NODE_OPTIONS: '--require=/x.js',
      LD_PRELOAD: '/x.so',
      PGPASSWORD: 'secret',
      AWS_SECRET_ACCESS_KEY: 'secret',
      TZ: undefined,
    };
    expect(childEnvironment(environment)).toEqual({
      PATH: '/usr/bin',
      HOME: '/root',
      SSH_AUTH_SOCK: '/run/agent',
      ARCHIVE2_PWALS: '4',
    });
  });
});

describe('an account', () => {
  const passwd =
    'root:x:0:0:root:/root:/bin/bash\n#broken\npostgres:x:26:26::/var/lib/pgsql:/bin/sh\nnohome:x:7:7:::\n';

  test('is found by its number', () => {
    expect(findPasswdEntry(passwd, 26)).toEqual({ userName: 'postgres', homeDirectory: '/var/lib/pgsql' });
    for (const uid of [1, 2, 7, -1, 260]) expect(findPasswdEntry(passwd, uid)).toBeUndefined();
  });
});

describe('a deadline', () => {
  test('ends a wait that nobody else ends', async () => {
    await expect(withDeadline(new Promise(() => undefined), 5, () => new Error('over'))).rejects.toThrow('over');
  });

  test('leaves alone what ends in time, and what fails', async () => {
    expect(await withDeadline(Promise.resolve(1), 10_000, () => new Error('over'))).toBe(1);
    await expect(withDeadline(Promise.reject(new Error('mine')), 10_000, () => new Error('over'))).rejects.toThrow(
      'mine',
    );
  });

  test('that is not needed any more keeps no process alive, and one that is does', () => {
    const at = `${import.meta.dirname}/../../../packages/core/src/base/deadline.ts`;
    const run = (work: string) =>
      spawnSync(
        process.execPath,
        ['-e', `import { withDeadline } from '${at}'; ${work}.then(() => process.exit(3), () => process.exit(4));`],
        { timeout: 10_000 },
      ).status;
    expect(run('withDeadline(Promise.resolve(), 600000, () => new Error())')).toBe(3);
    expect(run('withDeadline(new Promise(() => undefined), 50, () => new Error())')).toBe(4);
  });
});

describe('a sleep', () => {
  test('ends at once when it is aborted, before or meanwhile, and never rejects', async () => {
    const stop = new AbortController();
    const sleeping = systemClock.sleep(600_000, stop.signal);
    stop.abort();
    await sleeping;
    await systemClock.sleep(600_000, stop.signal);
    await systemClock.sleep(1);
  });
});
