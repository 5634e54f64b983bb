import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { REPOSITORY_ROOT } from '../../support/repository.ts';

/** SCHED_BATCH; source: linux/sched.h. */
const batch = '3';

/** The scheduling policy in /proc/<pid>/stat, field 41; source: proc_pid_stat(5). */
const policyOf = (stat: string) => stat.replace(/^.*\) /s, '').split(' ')[38];

test('what is scheduled as batch work says so, and so do the programs that it starts', () => {
  const module = `${REPOSITORY_ROOT}/packages/core/src/base/batch-door.ts`;
  const script = `const { scheduleAsBatch } = await import(${JSON.stringify(module)});
    scheduleAsBatch();
    const { execFileSync } = await import('node:child_process');
    const { readFileSync } = await import('node:fs');
    process.stdout.write(readFileSync('/proc/self/stat', 'utf8') + execFileSync('cat', ['/proc/self/stat']).toString());`;
  const stats = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }).trim().split('\n');
  expect(stats.map(policyOf)).toEqual([batch, batch]);
});
