import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './temporary-directory.ts';

/** One system call, with the places in the trace where it began and ended. */
export interface TracedCall {
  name: string;
  /** The arguments as strace prints them; a descriptor with its path: `5</tmp/x>`. */
  args: string;
  result: string;
  beganAt: number;
  endedAt: number;
}

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

/** A call of one thread may be printed in two lines, with those of other threads between them. */
function parseTrace(text: string): TracedCall[] {
  const calls: TracedCall[] = [];
  const unfinished = new Map<string, { name: string; args: string; beganAt: number }>();
  for (const [at, line] of text.split('\n').entries()) {
    const whole = /^(\d+) +(\w+)\((.*)\) += (.*)$/.exec(line);
    const begun = /^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$/.exec(line);
    const resumed = /^(\d+) +<\.\.\. \w+ resumed>(.*)\) += (.*)$/.exec(line);
    if (begun) {
      const [, thread = '', name = '', args = ''] = begun;
      unfinished.set(thread, { name, args, beganAt: at });
    } else if (resumed) {
      const [, thread = '', rest = '', result = ''] = resumed;
      const begin = unfinished.get(thread);
      if (begin) calls.push({ ...begin, args: begin.args + rest, result, endedAt: at });
    } else if (whole) {
      const [, , name = '', args = '', result = ''] = whole;
      calls.push({ name, args, result, beganAt: at, endedAt: at });
    }
  }
  return calls.sort((a, b) => a.beganAt - b.beganAt);
}
