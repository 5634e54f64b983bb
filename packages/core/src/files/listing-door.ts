/**
 * The door to getdents64(2): whether a directory can be listed, without listing it. Bun's Dir reads all of it before it gives the
 * first name (1.4.5): 70 ms with 100,000 of them.
 */
import { addressOf, libcCalls } from '../base/libc-door.ts';

/** Linux; source: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h. */
const getdents64 = process.arch === 'arm64' ? 61 : 217;

/** A block of a directory. */
const entriesBytes = 4096;

const libc = libcCalls({ syscall: { args: ['i64', 'i64', 'ptr', 'i64'], returns: 'i64' } });

/** Reads the first entries of an open directory; false when they cannot be read. */
export function canListEntries(fileDescriptor: number): boolean {
  const entries = Buffer.allocUnsafeSlow(entriesBytes);
  // "." is always there.
  return Number(libc().syscall(getdents64, fileDescriptor, addressOf(entries), entriesBytes)) > 0;
}
