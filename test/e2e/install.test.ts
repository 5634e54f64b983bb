import { spawnSync } from 'node:child_process';
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
import { afterEach, beforeEach, expect, test } from 'vitest';
import { REPOSITORY_ROOT } from '../support/repository.ts';

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
  const lines = readFileSync(trace, 'utf8').split('\n');
  const opened = lines.findIndex((line) => /openat\(.*\.part".*O_EXCL/.test(line));
  const descriptor = / = (\d+)$/.exec(lines[opened] ?? '')?.[1];
  const after = (call: string) => lines.findIndex((line, at) => at > opened && line.includes(call));
  const steps = [opened, after(`fsync(${descriptor})`), after(`close(${descriptor})`), after('rename')];
  expect(Math.min(...steps)).toBeGreaterThanOrEqual(0);
  expect(steps).toEqual(steps.toSorted((a, b) => a - b));
});

test('a directory that is not there is said so', () => {
  expect(install(join(directory, 'none'))).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('is no directory'),
  });
});
