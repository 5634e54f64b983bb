import { chmodSync, lchownSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { agentAddress, dataDirectoryId, isDataDirectory } from '../../../packages/core/src/agent/agent-address.ts';
import { makeStateDirectory } from '../../../packages/core/src/agent/make-state-directory.ts';
import { findStateDirectory } from '../../../packages/core/src/agent/state-directory.ts';
import { temporaryDirectory } from '../files/temporary-directory.ts';

function path(): string {
  return join(temporaryDirectory(), 'state');
}

describe('a state directory', () => {
  test('that is ours and nobody else may enter is trusted', () => {
    const directory = path();
    mkdirSync(directory, { mode: 0o700 });
    expect(findStateDirectory(directory)).toEqual({ path: directory, isTrusted: true });
    chmodSync(directory, 0o500);
    expect(findStateDirectory(directory).isTrusted).toBe(true);
  });

  test.each([0o750, 0o701, 0o707, 0o777, 0o1777, 0o710, 0o702, 0o704])('with mode %o is not', (mode) => {
    const directory = path();
    mkdirSync(directory);
    chmodSync(directory, mode);
    expect(findStateDirectory(directory).isTrusted).toBe(false);
    expect(makeStateDirectory(directory), 'and is not taken over').toBe(false);
    expect(statSync(directory).mode & 0o7777).toBe(mode);
  });

  test.runIf(process.geteuid?.() === 0)('of another user is not, also for root', () => {
    const directory = path();
    mkdirSync(directory, { mode: 0o700 });
    lchownSync(directory, 65_534, 65_534);
    expect(findStateDirectory(directory).isTrusted).toBe(false);
    expect(makeStateDirectory(directory)).toBe(false);
  });

  test('that is a link is not, wherever it leads', () => {
    const directory = path();
    mkdirSync(`${directory}-real`, { mode: 0o700 });
    symlinkSync(`${directory}-real`, directory);
    expect(findStateDirectory(directory).isTrusted).toBe(false);
    expect(makeStateDirectory(directory)).toBe(false);
  });

  test('that is a file, or not there, is not', () => {
    const directory = path();
    expect(findStateDirectory(directory).isTrusted).toBe(false);
    writeFileSync(directory, '', { mode: 0o600 });
    expect(findStateDirectory(directory).isTrusted).toBe(false);
    expect(makeStateDirectory(directory)).toBe(false);
  });

  test('can be made, with what is above it, for us alone', () => {
    const directory = join(path(), 'archive2');
    expect(makeStateDirectory(directory)).toBe(true);
    expect(statSync(directory).mode & 0o7777).toBe(0o700);
    expect(makeStateDirectory(directory)).toBe(true);
  });

  test('is never looked for in /tmp or the working directory', () => {
    for (const configured of [undefined, '']) {
      const { path: found } = findStateDirectory(configured);
      expect(found).toMatch(/^\/.*archive2/);
      expect(found).not.toMatch(/^\/tmp/);
    }
  });
});

describe('the address of an agent', () => {
  test('is that of the data directory, however it is reached, and of no other', () => {
    const parent = temporaryDirectory();
    mkdirSync(join(parent, 'a'));
    mkdirSync(join(parent, 'b'));
    symlinkSync('a', join(parent, 'link'));
    const id = dataDirectoryId(join(parent, 'a'));
    expect(id).toBeDefined();
    expect(dataDirectoryId(join(parent, 'link'))).toBe(id);
    expect(dataDirectoryId(join(parent, 'b', '..', 'a'))).toBe(id);
    expect(dataDirectoryId(join(parent, 'b'))).not.toBe(id);
    expect(dataDirectoryId(join(parent, 'c'))).toBeUndefined();
  });

  test('has a socket, a lock and a log of its own for each role', () => {
    const push = agentAddress('/state', 'push', '1.2-3');
    const get = agentAddress('/state', 'get', '1.2-3');
    const paths = [push, get].flatMap(({ socketPath, lockPath, logPath }) => [socketPath, lockPath, logPath]);
    expect(new Set(paths).size).toBe(6);
    expect(push.socketPath).toBe('/state/push-1.2-3.sock');
  });

  test('is that of a data directory only where PG_VERSION is', () => {
    const directory = temporaryDirectory();
    expect(isDataDirectory(directory)).toBe(false);
    writeFileSync(join(directory, 'PG_VERSION'), '15\n');
    expect(isDataDirectory(directory)).toBe(true);
  });
});
