/** The door to fcntl(2) for the flag of a descriptor that goes past the page cache, which the runtime does not have. */
import { constants } from 'node:fs';
import { libcCalls } from '../base/libc-door.ts';

/** From linux/fcntl.h. */
const F_GETFL = 3;
const F_SETFL = 4;

const libc = libcCalls({ fcntl: { args: ['int', 'int', 'int'], returns: 'int' } });

/** Has an open file written past the page cache, or through it again; false where the file system does not allow it (tmpfs, some of the network). */
export function setDirect(fileDescriptor: number, isDirect: boolean): boolean {
  const { fcntl } = libc();
  const flags = Number(fcntl(fileDescriptor, F_GETFL, 0));
  if (flags < 0) return false;
  const wanted = isDirect ? flags | constants.O_DIRECT : flags & ~constants.O_DIRECT;
  return fcntl(fileDescriptor, F_SETFL, wanted) === 0;
}
