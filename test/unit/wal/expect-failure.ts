import { expect } from 'vitest';
import { Failure } from '../../../packages/core/src/base/failure.ts';
import type { FailureCode } from '../../../packages/core/src/base/failure-table.ts';

/** Runs `act`, and returns the Failure with this code that it must throw. */
export function failureOf(code: FailureCode, act: () => unknown): Failure {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(Failure);
    expect((error as Failure).code, (error as Failure).message).toBe(code);
    return error as Failure;
  }
  throw new Error(`nothing was thrown where ${code} was due`);
}
