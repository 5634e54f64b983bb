/**
 * The door to flock(2).
 *
 * A lock of the kernel's dies with its holder, whatever kills it; a pid file does not, and its pid is used again.
 */
import { dlopen } from 'bun:ffi';

const LOCK_EX = 2;
const LOCK_NB = 4;

interface Libc {
  flock(fileDescriptor: number, operation: number): number;
}

let libc: Libc | undefined;

function loadLibc(): Libc {
  libc ??= dlopen('libc.so.6', { flock: { args: ['int', 'int'], returns: 'int' } }).symbols;
  return libc;
}

/** Takes an exclusive flock(2) on an open file descriptor without waiting; false when another open file holds it. */
export function tryFlockExclusive(fileDescriptor: number): boolean {
  return loadLibc().flock(fileDescriptor, LOCK_EX | LOCK_NB) === 0;
}
