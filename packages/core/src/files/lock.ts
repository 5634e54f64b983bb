import { closeSync, fstatSync, openSync, statSync } from 'node:fs';
import { systemErrorCode } from '../base/failure.ts';
import { tryFlockExclusive } from './lock-door.ts';

/** A lock that is held from `tryLock` until `release`, or until the process ends in whatever way. */
export interface HeldLock {
  /** Doing it again does nothing. */
  release(): void;
}

/**
 * Takes the lock that `path` stands for, creating the file (0600) if need be; undefined when somebody else holds it.
 *
 * The file stays behind and means nothing by itself. Errors of the file system are thrown as they are.
 */
export function tryLock(path: string): HeldLock | undefined {
  for (;;) {
    const fileDescriptor = openSync(path, 'a', 0o600);
    if (!tryFlockExclusive(fileDescriptor)) {
      closeSync(fileDescriptor);
      return undefined;
    }
    if (stillAtPath(fileDescriptor, path)) return heldBy(fileDescriptor);
    // Somebody removed or replaced the file between our open and our lock: the lock we hold guards nothing.
    closeSync(fileDescriptor);
  }
}

function heldBy(fileDescriptor: number): HeldLock {
  let isHeld = true;
  return {
    release() {
      // The number may be another file's by now: closing it again would end that one.
      if (isHeld) closeSync(fileDescriptor);
      isHeld = false;
    },
  };
}

function stillAtPath(fileDescriptor: number, path: string): boolean {
  try {
    const held = fstatSync(fileDescriptor);
    const named = statSync(path);
    return held.ino === named.ino && held.dev === named.dev;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
