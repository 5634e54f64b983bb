import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { REPOSITORY_ROOT } from '../support/repository.ts';
import { parseTrace } from '../support/strace-calls.ts';

const bin = join(REPOSITORY_ROOT, 'bin');
const program = join(bin, 'archive2');
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'archive2-install-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

const install = (target: string) => {
  const { status, stderr } = spawnSync('sh', ['-c', `umask 077; exec "$0" install "$1"`, program, target]);
  return { status, stderr: String(stderr) };
};

test('archive2 install puts the program and every name of a command into a directory', () => {
  expect(install(directory)).toEqual({ status: 0, stderr: '' });
  const names = readdirSync(bin).filter((name) => !name.startsWith('.'));
  expect(readdirSync(directory).sort()).toEqual(names.sort());
  expect(readFileSync(join(directory, 'archive2')).equals(readFileSync(program))).toBe(true);
  expect(statSync(join(directory, 'archive2')).mode & 0o777).toBe(0o755);
  expect(readlinkSync(join(directory, 'restore_cmd'))).toBe('archive2');
  expect(String(spawnSync(join(directory, 'wal-sync'), ['--version']).stdout)).toContain('wal-sync');
});

test('an installed program is replaced as a whole, and what runs from it goes on', () => {
  writeFileSync(join(directory, 'archive2'), 'an older release');
  const before = statSync(join(directory, 'archive2')).ino;
  expect(install(directory).status).toBe(0);
  expect(install(directory).status).toBe(0);
  expect(statSync(join(directory, 'archive2')).ino).not.toBe(before);
});

test('two who install at once do not disturb each other', async () => {
  // Each waits before it makes a link: then the other one has looked for it, too.
  const slowly = ['-f', '-e', 'trace=symlink,symlinkat', '-e', 'inject=symlink,symlinkat:delay_enter=100ms'];
  const installs = [1, 2].map(async (trace) => {
    const words = [...slowly, '-o', join(directory, `.trace${trace}`), program, 'install', directory];
    const child = spawn('strace', words, { stdio: ['ignore', 'ignore', 'pipe'] });
    const [stderr, [status]] = await Promise.all([text(child.stderr), once(child, 'close')]);
    return { status, stderr };
  });
  for (const end of await Promise.all(installs)) expect(end).toEqual({ status: 0, stderr: '' });
  const traces = [1, 2].map((trace) => readFileSync(join(directory, `.trace${trace}`), 'utf8')).join('');
  expect(traces).toContain('EEXIST');
  expect(readFileSync(join(directory, 'archive2')).equals(readFileSync(program))).toBe(true);
  expect(readdirSync(directory).filter((name) => name.endsWith('.part'))).toEqual([]);
});

test("a file of a command's name that is something else is not touched, and nothing else is", () => {
  symlinkSync('/opt/old/restore_cmd', join(directory, 'restore_cmd'));
  const { status, stderr } = install(directory);
  expect(status).toBe(2);
  expect(stderr).toContain(`${directory}/restore_cmd is there already`);
  expect(readdirSync(directory)).toEqual(['restore_cmd']);
});

test('the program has its name only when nobody has it open for writing: it could not be started', () => {
  const trace = join(directory, 'trace');
  const calls = 'trace=openat,fsync,close,rename,renameat,renameat2';
  const { status } = spawnSync('strace', ['-f', '-e', calls, '-o', trace, program, 'install', directory]);
  expect(status).toBe(0);
  const steps = parseTrace(readFileSync(trace, 'utf8'));
  const opened = steps.findIndex(({ args }) => /\.part".*O_EXCL/.test(args));
  const descriptor = steps[opened]?.result;
  const after = (names: string[], args: RegExp) =>
    steps.find((step, at) => at > opened && names.includes(step.name) && args.test(step.args));
  const synced = after(['fsync'], new RegExp(`^${descriptor}$`));
  const closed = after(['close'], new RegExp(`^${descriptor}$`));
  const renamed = after(['rename', 'renameat', 'renameat2'], /\.part".*\/archive2"/);
  expect(synced?.endedAt).toBeLessThan(closed?.beganAt ?? 0);
  expect(closed?.endedAt).toBeLessThan(renamed?.beganAt ?? 0);
});

test('a directory that is not there is said so', () => {
  expect(install(join(directory, 'none'))).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('is no directory'),
  });
});
