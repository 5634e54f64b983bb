/** The door to fallocate(2), which the runtime does not have. */
import { libcCalls } from '../base/libc-door.ts';

/** From linux/falloc.h: the file becomes no longer, it only owns the blocks. */
const FALLOC_FL_KEEP_SIZE = 1;

const libc = libcCalls({ fallocate: { args: ['int', 'int', 'i64', 'i64'], returns: 'int' } });

/** Takes the space for the first `sizeBytes` of an open file; false when it cannot be had, or the file system has no such call. */
export function reserveSpace(fileDescriptor: number, sizeBytes: number): boolean {
  return libc().fallocate(fileDescriptor, FALLOC_FL_KEEP_SIZE, 0, sizeBytes) === 0;
}
