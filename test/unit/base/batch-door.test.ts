import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { REPOSITORY_ROOT } from '../../support/repository.ts';
import { type SchedulingPolicy, schedulingPolicyIn } from '../../support/scheduling-policy.ts';

const module = `${REPOSITORY_ROOT}/packages/core/src/base/batch-door.ts`;

/** The policies of a program that calls scheduleAsBatch, and of one that it starts then. */
function policiesAfter(...starter: string[]): (SchedulingPolicy | undefined)[] {
  const script = `const { scheduleAsBatch } = await import(${JSON.stringify(module)});
    scheduleAsBatch();
    const { execFileSync } = await import('node:child_process');
    const { readFileSync } = await import('node:fs');
    process.stdout.write(readFileSync('/proc/self/stat', 'utf8') + execFileSync('cat', ['/proc/self/stat']).toString());`;
  const [program, ...args] = [...starter, process.execPath, '-e', script];
  return execFileSync(program, args, { encoding: 'utf8' }).trim().split('\n').map(schedulingPolicyIn);
}

test('what is scheduled as batch work says so, and so do the programs that it starts', () => {
  expect(policiesAfter()).toEqual(['batch', 'batch']);
});

test('what a person has started as idle work stays that', () => {
  expect(policiesAfter('chrt', '--idle', '0')).toEqual(['idle', 'idle']);
});
