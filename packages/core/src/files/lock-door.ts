/**
 * The door to flock(2).
 *
 * A lock of the kernel's dies with its holder, whatever kills it; a pid file does not, and its pid is used again.
 */
import { libcCalls } from '../base/libc-door.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;

const libc = libcCalls({ flock: { args: ['int', 'int'], returns: 'int' } });

/** Takes an exclusive flock(2) on an open file descriptor without waiting; false when another open file holds it. */
export function tryFlockExclusive(fileDescriptor: number): boolean {
  return libc().flock(fileDescriptor, LOCK_EX | LOCK_NB) === 0;
}
