/**
 * How this process was called: the only file, with cli/exit.ts, that looks at `process.argv` and `process.env`.
 *
 * In the compiled program `process.argv` is [runtime, bundle, …arguments] and `argv0` the name it was called by.
 */
export interface Invocation {
  /** The last part of the name that the program was called by. */
  calledName: string;
  args: readonly string[];
  environment: Readonly<Record<string, string | undefined>>;
}

export function currentInvocation(): Invocation {
  const called = process.argv0;
  return {
    calledName: called.slice(called.lastIndexOf('/') + 1),
    args: process.argv.slice(2),
    environment: process.env,
  };
}

/** What this process was called with, the name first: to be called so again. */
export function calledWords(): string[] {
  return [process.argv0, ...process.argv.slice(2)];
}
