import { Failure } from '@archive2/core/base/failure.ts';

/** Aborted, with the reason, by the first signal that asks us to end. Further ones change nothing: the work is being ended. */
export function signalsAsAbort(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(name, () => controller.abort(new Failure('interrupted', `${name} ended the base backup`)));
  }
  return controller.signal;
}
