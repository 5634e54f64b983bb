import { toFailure } from '../base/failure.ts';
import { formatFailure } from '../base/format-failure.ts';

/** A command's work: resolves with its exit status once there is a verdict. */
export type CommandMain = () => Promise<number>;

export interface ExitContract {
  /** The status of every end that is not a verdict: an uncaught error, a promise that never settles, a closed stdout. */
  failureStatus: number;
  /** The status that a thrown error stands for; without it, the one in the table of failures. */
  statusOf?: (thrown: unknown) => number;
}

/**
 * Runs a command under the exit contract: the process ends with `failureStatus` unless `main` resolves with another one,
 * which is written here and nowhere else. Errors become one line on stderr.
 */
export function runCommand(contract: ExitContract, main: CommandMain): void {
  process.exitCode = contract.failureStatus;
  const failWith = (thrown: unknown): void => {
    reportFailure(thrown);
    leave(clampStatus(contract, contract.statusOf?.(thrown) ?? toFailure(thrown).exit));
  };
  process.on('uncaughtException', failWith);
  process.on('unhandledRejection', failWith);
  // A closed stdout or stderr must not decide the exit status of work that is done.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  main().then((status) => leave(status === 0 ? 0 : clampStatus(contract, status)), failWith);
}

/** One line on stderr, and one with what to do. */
function reportFailure(thrown: unknown): void {
  const failure = toFailure(thrown);
  let text = formatFailure(failure);
  if (failure.code === 'internal' && thrown instanceof Error) text += `${thrown.stack ?? ''}\n`;
  writeStderr(text);
}

export function writeStderr(text: string): void {
  try {
    process.stderr.write(text);
  } catch {
    // A closed or full stderr is no reason to end with another status than the work's.
  }
}

/**
 * Writes results to stdout. Resolves when they are handed to the system; throws when stdout is closed or full, because
 * then nobody has the result.
 */
export function writeStdout(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

/** Above 125 the shell and PostgreSQL see signals and "not executable": never by accident. */
function clampStatus(contract: ExitContract, status: number): number {
  return Number.isInteger(status) && status >= 1 && status <= 126 ? status : contract.failureStatus;
}

function leave(status: number): void {
  process.exitCode = status;
  process.stdout.write('', () => process.exit(status));
  // Where stdout is closed, the callback may never come.
  setTimeout(() => process.exit(status), 1000).unref();
}
