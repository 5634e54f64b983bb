import { type FailureCode, failureTable } from './failure-table.ts';

export interface FailureOptions {
  /** What the person who reads the message should do next: full sentences. */
  hint?: string;
  cause?: unknown;
  /** Machine-readable facts about the failure; they cross the session and end up as `key=value` in the log. */
  details?: Record<string, string | number>;
}

/**
 * An error of the world that a command ends with: what happened (lower case, no full stop), what to do, and its code in
 * the one table that also holds its exit status and whether trying again can help. Bugs are plain `Error`s.
 */
export class Failure extends Error {
  readonly code: FailureCode;
  readonly hint: string | undefined;
  readonly details: Record<string, string | number>;

  constructor(code: FailureCode, message: string, options: FailureOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Failure';
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }

  /** The exit status of a command that ends with this failure (restore_cmd translates it by its mode). */
  get exit(): number {
    return failureTable[this.code].exit;
  }

  /** True when the same call may succeed later without anybody changing anything. */
  get retryable(): boolean {
    return failureTable[this.code].retryable;
  }
}

/** Any thrown value as a Failure: what is not one already is a bug or an error nobody foresaw, and is `internal`. */
export function toFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new Failure('internal', message || 'unknown error', { cause: thrown });
}

/** The `code` of a Node.js system error ("ENOENT"), or undefined for anything else. */
export function systemErrorCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}
