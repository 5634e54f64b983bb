import { expect, test } from 'vitest';
import { failureTable } from '../../../packages/core/src/base/failure-table.ts';

const statuses = Object.values(failureTable).map(({ exit }) => exit);

test('no failure ends with 0, with the 1 that the shell or the runtime says, or with what the archiver takes for a signal', () => {
  for (const [code, { exit }] of Object.entries(failureTable)) {
    expect(Number.isInteger(exit) && exit >= 2 && exit <= 125, `${code} ends with ${exit}`).toBe(true);
  }
});

test('each failure has a status of its own', () => {
  expect(new Set(statuses).size).toBe(statuses.length);
});
