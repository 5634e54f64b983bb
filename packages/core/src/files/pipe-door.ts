/** The door to fcntl(2) for the size of a pipe, which the runtime does not have. */
import { libcCalls } from '../base/libc-door.ts';

/** From linux/fcntl.h. */
const F_SETPIPE_SZ = 1031;

/** What an unprivileged user may have (/proc/sys/fs/pipe-max-size). */
const pipeBytes = 1024 * 1024;

const libc = libcCalls({ fcntl: { args: ['int', 'int', 'int'], returns: 'int' } });

/**
 * Lets a pipe hold 1 MiB instead of 64 KiB, so that its two ends wake each other up less often. What is no pipe, or is not to be larger,
 * stays as it is.
 */
export function widenPipe(fileDescriptor: number): void {
  libc().fcntl(fileDescriptor, F_SETPIPE_SZ, pipeBytes);
}
