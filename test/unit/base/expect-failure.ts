import { expect } from 'vitest';
import { Failure } from '../../../packages/core/src/base/failure.ts';
import type { FailureCode } from '../../../packages/core/src/base/failure-table.ts';

/** The Failure with this code that `work` must end with. */
export async function failureFrom(code: FailureCode, work: Promise<unknown> | (() => unknown)): Promise<Failure> {
  let outcome: unknown;
  try {
    outcome = await (typeof work === 'function' ? work() : work);
  } catch (error) {
    expect(error).toBeInstanceOf(Failure);
    const failure = error as Failure;
    expect(failure.code, failure.message).toBe(code);
    return failure;
  }
  throw new Error(`nothing was thrown where ${code} was due; the outcome was ${JSON.stringify(outcome)}`);
}
