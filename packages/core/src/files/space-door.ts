/** The door to fallocate(2), which the runtime does not have. */
import { dlopen } from 'bun:ffi';

/** From linux/falloc.h: the file becomes no longer, it only owns the blocks. */
const FALLOC_FL_KEEP_SIZE = 1;

interface Libc {
  fallocate(fileDescriptor: number, mode: number, offset: number, sizeBytes: number): number;
}

let libc: Libc | undefined;

function loadLibc(): Libc {
  libc ??= dlopen('libc.so.6', { fallocate: { args: ['int', 'int', 'i64', 'i64'], returns: 'int' } })
    .symbols as unknown as Libc;
  return libc;
}

/** Takes the space for the first `sizeBytes` of an open file; false when it cannot be had, or the file system has no such call. */
export function reserveSpace(fileDescriptor: number, sizeBytes: number): boolean {
  return loadLibc().fallocate(fileDescriptor, FALLOC_FL_KEEP_SIZE, 0, sizeBytes) === 0;
}
