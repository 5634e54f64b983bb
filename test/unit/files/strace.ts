import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseTrace, type TracedCall } from '../../support/strace-calls.ts';
import { temporaryDirectory } from './temporary-directory.ts';

export interface TracedRun {
  status: number | null;
  stderr: string;
  calls: TracedCall[];
}

const traced = [
  'write',
  'pwrite64',
  'writev',
  'pwritev',
  'fsync',
  'fdatasync',
  'link',
  'linkat',
  'unlink',
  'unlinkat',
  'rename',
  'renameat',
  'renameat2',
  'utimensat',
  'mkdir',
  'mkdirat',
  'openat',
].join(',');

/** Runs a program of this folder under strace. */
export function runTraced(program: string, args: string[], options: string[] = []): TracedRun {
  const trace = join(temporaryDirectory(), 'trace');
  const strace = ['-f', '--seccomp-bpf', '-y', '-qq', '-e', 'signal=none', '-e', `trace=${traced}`, '-o', trace];
  const path = join(import.meta.dirname, program);
  const run = spawnSync('strace', [...strace, ...options, process.execPath, path, ...args], { encoding: 'utf8' });
  return { status: run.status, stderr: run.stderr, calls: parseTrace(readFileSync(trace, 'utf8')) };
}
