import { Failure } from '../../../packages/core/src/base/failure.ts';

/** The Failure that `work` ends with; anything else fails the test. */
export async function refusal(work: () => unknown): Promise<Failure> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
