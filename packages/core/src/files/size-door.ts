/**
 * The door to statx(2): sizes of many files of one directory.
 *
 * A listing of a whole archive asks for a hundred thousand of them, and node:fs takes half as long again for each (Bun 1.4.5): it
 * walks the whole path and makes an object of many fields.
 */
import { closeSync, openSync } from 'node:fs';
import { addressOf, libcCalls } from '../base/libc-door.ts';

/** From linux/stat.h and linux/fcntl.h. */
const STATX_SIZE = 0x200;
const AT_SYMLINK_NOFOLLOW = 0x100;
const statxBytes = 256;
const sizeOffset = 40;

/** Longer than any file name. */
const nameBytes = 256;

const libc = libcCalls({ statx: { args: ['int', 'ptr', 'int', 'u32', 'ptr'], returns: 'int' } });

/** The sizes of files in one directory, by name; links are not followed. To be closed. */
export class DirectorySizes {
  private readonly directory: number;
  private readonly name = Buffer.alloc(nameBytes);
  private readonly buffer = Buffer.alloc(statxBytes);
  private readonly namePointer = addressOf(this.name);
  private readonly bufferPointer = addressOf(this.buffer);

  constructor(path: string) {
    this.directory = openSync(path, 'r');
  }

  /** In bytes; undefined when there is no such file, or it cannot be looked at. `name` has at most 255 characters, all of ASCII. */
  sizeOf(name: string): number | undefined {
    const length = this.name.write(name, 0, nameBytes - 1, 'latin1');
    this.name[length] = 0;
    const { directory, namePointer, bufferPointer } = this;
    if (libc().statx(directory, namePointer, AT_SYMLINK_NOFOLLOW, STATX_SIZE, bufferPointer) !== 0) return undefined;
    return this.buffer.readUInt32LE(sizeOffset) + this.buffer.readUInt32LE(sizeOffset + 4) * 2 ** 32;
  }

  close(): void {
    closeSync(this.directory);
  }
}
