/**
 * Runs works at the same time and resolves with what they give, in their order. When one fails the signal that all of them were given
 * is aborted with its error; that error is thrown once every one has ended, so nothing goes on behind the caller's back.
 */
export async function together<Results extends readonly unknown[]>(
  signal: AbortSignal,
  works: { readonly [Index in keyof Results]: (signal: AbortSignal) => Promise<Results[Index]> },
): Promise<Results> {
  const giveUp = new AbortController();
  const shared = AbortSignal.any([signal, giveUp.signal]);
  let failed: { error: unknown } | undefined;
  const run = async <Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result | undefined> => {
    try {
      return await work(shared);
    } catch (error) {
      failed ??= { error };
      giveUp.abort(error);
      return undefined;
    }
  };
  const results = await Promise.all(works.map(run));
  if (failed !== undefined) throw (failed as { error: unknown }).error;
  return results as unknown as Results;
}
