import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { REPOSITORY_ROOT } from '../../support/repository.ts';
import { type SchedulingPolicy, schedulingPolicyIn } from '../../support/scheduling-policy.ts';

const module = `${REPOSITORY_ROOT}/packages/core/src/base/batch-door.ts`;

/** The policies of the threads of a program that calls scheduleAsBatch after it has read a file, and of one that it starts then. */
function policiesAfter(...starter: string[]): Set<SchedulingPolicy | undefined> {
  const script = `const { scheduleAsBatch } = await import(${JSON.stringify(module)});
    const { execFileSync } = await import('node:child_process');
    const { readdirSync, readFileSync } = await import('node:fs');
    await (await import('node:fs/promises')).readFile('/proc/self/stat');
    scheduleAsBatch();
    for (const thread of readdirSync('/proc/self/task'))
      process.stdout.write(readFileSync('/proc/self/task/' + thread + '/stat', 'utf8'));
    process.stdout.write(execFileSync('cat', ['/proc/self/stat']).toString());`;
  const [program, ...args] = [...starter, process.execPath, '-e', script];
  const stats = execFileSync(program, args, { encoding: 'utf8' }).trim().split('\n');
  expect(stats.length).toBeGreaterThan(2);
  return new Set(stats.map(schedulingPolicyIn));
}

test('all threads of what is scheduled as batch work say so, and so do the programs that it starts', () => {
  expect(policiesAfter()).toEqual(new Set(['batch']));
});

test('what a person has started as idle work stays that', () => {
  expect(policiesAfter('chrt', '--idle', '0')).toEqual(new Set(['idle']));
});
