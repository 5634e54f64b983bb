import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

const program = `"${process.execPath}" "${join(import.meta.dirname, 'exit-program.ts')}"`;

/** Runs the program from a shell, which may close or redirect its descriptors; a program that spins is killed. */
function ended(how: string, shellTail = '', shellHead = ''): Ended {
  const line = `${shellHead}${program} ${how} ${shellTail}`;
  const run = spawnSync('bash', ['-c', line], { encoding: 'utf8', timeout: 10_000, killSignal: 'SIGKILL' });
  return { status: run.status, stdout: run.stdout, stderr: run.stderr };
}

describe('the exit status', () => {
  test('is 0 only for work that resolved with 0', () => {
    expect(ended('resolve 0').status).toBe(0);
    expect(ended('resolve -0').status).toBe(0);
  });

  test.each([1, 2, 42, 70, 125, 126])('is %d for work that resolved with it', (status) => {
    expect(ended(`resolve ${status}`).status).toBe(status);
  });

  test.each(['127', '255', '256', '-1', '1.5', 'NaN', 'Infinity', '1e9'])(
    'is the failure’s for work that resolved with %s, which no command may end with',
    (status) => {
      expect(ended(`resolve ${status}`).status).toBe(70);
    },
  );

  test('is that of the table for a failure, told in two lines', () => {
    const { status, stderr, stdout } = ended('reject-failure');
    expect([status, stdout]).toEqual([15, '']);
    expect(stderr).toBe('error: two contents\\x0aunder one name code=conflict\nHINT: Look.\n');
  });

  test.each(['reject-error', 'reject-nothing', 'throw', 'throw-later'])('is the failure’s after %s', (how) => {
    const { status, stderr } = ended(how);
    expect(status).toBe(70);
    expect(stderr).toContain('error: ');
  });

  test('is the failure’s for work that never settles, and the program ends', () => {
    expect(ended('never').status).toBe(70);
  });

  test('is what the command makes of an error nobody foresaw', () => {
    expect(ended('status-of').status).toBe(126);
  });

  test('is the failure’s when something on the side is rejected before success was written', () => {
    const { status, stderr } = ended('reject-aside');
    expect(status).toBe(70);
    expect(stderr).toContain('on the side');
  });

  test('is 0 although timers are left', () => {
    expect(ended('keep-busy-and-resolve').status).toBe(0);
  });
});

describe('results', () => {
  test('are whole when the program has ended', () => {
    expect(ended('write-and-resolve')).toMatchObject({ status: 0, stdout: 'result\n' });
    expect(ended('write-much', '| wc -c').stdout.trim()).toBe(String(1024 * 1024));
  });

  test('that nobody has, because stdout is full, are no success', () => {
    expect(ended('write-and-resolve', '>/dev/full').status).toBe(70);
  });

  test('go nowhere when stdout is closed: the runtime puts /dev/null in its place', () => {
    expect(ended('write-and-resolve', '>&-').status).toBe(0);
  });

  test('that a broken pipe swallowed are no success', () => {
    const run = ended('write-much', '| true; echo "${PIPESTATUS[0]}"', 'trap "" PIPE; ');
    expect(run.stdout).toBe('70\n');
  });
});

describe('work that is done is not undone', () => {
  test.each([
    ['stdout is closed', 'resolve 0', '>&-'],
    ['stdout is full', 'resolve 0', '>/dev/full'],
    ['stderr is closed', 'complain-and-resolve', '2>&-'],
    ['stderr is full', 'complain-and-resolve', '2>/dev/full'],
    ['everything is closed', 'resolve 0', '<&- >&- 2>&-'],
  ])('because %s', (_what, how, redirection) => {
    expect(ended(how, redirection).status).toBe(0);
  });

  test.each(['>&-', '2>&-', '>&- 2>&-', '2>/dev/full'])('nor is a failure, with %s', (redirection) => {
    expect(ended('reject-failure', redirection).status).toBe(15);
    expect(ended('never', redirection).status).toBe(70);
  });
});
