/** The door to libc, for the few calls that the runtime does not have. Each has a door of its own that says what it is for. */
import { dlopen, type FFIFunction, ptr } from 'bun:ffi';

/** A call of libc's: numbers go in, and a number comes out. */
export type LibcCall = (...words: number[]) => number | bigint;

/** Opened by the first use, as that takes 0.3 ms. Throws an Error where there is no glibc. */
export function libcCalls<Name extends string>(
  calls: Readonly<Record<Name, FFIFunction>>,
): () => Record<Name, LibcCall> {
  return libraryCalls('libc.so.6', calls);
}

/** The same of another library of the system; throws an Error where it is not there, or does not have one of the calls. */
export function libraryCalls<Name extends string>(
  library: string,
  calls: Readonly<Record<Name, FFIFunction>>,
): () => Record<Name, LibcCall> {
  let opened: Record<Name, LibcCall> | undefined;
  return () => {
    opened ??= dlopen(library, calls).symbols as unknown as Record<Name, LibcCall>;
    return opened;
  };
}

/** Where a buffer lies, for a call that reads or fills it; the buffer must be held until the call is over. */
export function addressOf(buffer: NodeJS.TypedArray): number {
  return ptr(buffer) as unknown as number;
}
