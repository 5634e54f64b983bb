import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type HeldLock, tryLock } from '../../../packages/core/src/files/lock.ts';
import { waitFor } from '../../support/wait-for.ts';
import { startHolder } from './holder.ts';
import { temporaryDirectory } from './temporary-directory.ts';

function lockPath(): string {
  return join(temporaryDirectory(), 'lock');
}

function held(lock: HeldLock | undefined): HeldLock {
  if (lock === undefined) throw new Error('the lock was refused');
  onTestFinished(() => lock.release());
  return lock;
}

test('a lock is a file of its owner alone, and a second holder in the same process is refused', () => {
  const path = lockPath();
  held(tryLock(path));
  expect(statSync(path).mode & 0o7777).toBe(0o600);
  expect(tryLock(path)).toBeUndefined();
});

test('a released lock can be taken again, and its file stays', () => {
  const path = lockPath();
  held(tryLock(path)).release();
  expect(existsSync(path)).toBe(true);
  held(tryLock(path));
});

test('releasing twice ends nothing that was opened since', () => {
  const path = lockPath();
  const lock = held(tryLock(path));
  lock.release();
  const next = held(tryLock(path));
  lock.release();
  expect(tryLock(path)).toBeUndefined();
  next.release();
});

test('the content of a lock file means nothing', () => {
  const path = lockPath();
  writeFileSync(path, '1\n');
  held(tryLock(path));
});

test('another process is refused while the lock is held, and the other way round', async () => {
  const path = lockPath();
  const mine = held(tryLock(path));
  expect((await startHolder('lock', path)).said).toBe('refused');
  mine.release();
  expect((await startHolder('lock', path)).said).toBe('held');
  expect(tryLock(path)).toBeUndefined();
});

test('a lock dies with its holder, killed by SIGKILL', async () => {
  const path = lockPath();
  const holder = await startHolder('lock', path);
  expect(tryLock(path)).toBeUndefined();
  await holder.kill();
  held(tryLock(path));
});

test('a lock dies with its holder although a program that it started lives on', async () => {
  const path = lockPath();
  const holder = await startHolder('lock-with-child', path);
  await holder.kill();
  held(tryLock(path));
});

test.each([
  ['removed', (path: string) => rmSync(path)],
  ['replaced', (path: string) => (writeFileSync(`${path}.new`, ''), renameSync(`${path}.new`, path))],
])('when the file was %s, the lock is that of the file that has the name now', (_what, change) => {
  const path = lockPath();
  held(tryLock(path));
  change(path);
  held(tryLock(path));
  expect(tryLock(path)).toBeUndefined();
});

test('when the file is removed between opening and locking it, the lock is that of a new one', async () => {
  const path = lockPath();
  const program = join(import.meta.dirname, 'holder-program.ts');
  const slowly = ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=flock', '-e', 'inject=flock:delay_enter=1000000:when=1'];
  const child = spawn('strace', [...slowly, process.execPath, program, 'lock', path], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  onTestFinished(() => {
    process.kill(-(child.pid ?? 0), 'SIGKILL');
  });
  const said = once(child.stdout, 'data');
  await waitFor(() => existsSync(path), { what: 'the file to be opened', intervalMs: 2 });
  rmSync(path);
  expect(String(await said).trim()).toBe('held');
  expect(existsSync(path)).toBe(true);
  expect(tryLock(path)).toBeUndefined();
});

test('a missing directory is an error, not a lock', () => {
  expect(() => tryLock(join(lockPath(), 'lock'))).toThrow(/ENOENT/);
});
