import { Failure } from '../base/failure.ts';

/**
 * Aborted by the first signal that asks us to end, with a reason that says what it ended ("the base backup"). Further ones change
 * nothing: the work is being ended.
 */
export function signalsAsAbort(what: string): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(name, () => controller.abort(new Failure('interrupted', `${name} ended ${what}`)));
  }
  return controller.signal;
}
