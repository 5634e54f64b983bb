import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { command } from './command.ts';
import type { Machine } from './machine.ts';
import { waitFor } from './wait-for.ts';

/** FS_IOC_SHUTDOWN of Linux' include/uapi/linux/fs.h, and the flag that drops what was not flushed. */
const SHUTDOWN = 0x8004587d;
const NO_LOG_FLUSH = 2;

/**
 * An ext4 of its own at a directory of a machine, which can lose its power, hang, and be looked at while it is off. It
 * writes nothing by itself within a test, so that what was not fsynced is gone after a power cut.
 */
export class LoopDisk {
  readonly directory: string;
  readonly #machine: Machine;
  readonly #image: string;

  private constructor(machine: Machine, directory: string, image: string) {
    this.#machine = machine;
    this.directory = directory;
    this.#image = image;
  }

  static async mount(machine: Machine, directory: string, sizeMb = 256): Promise<LoopDisk> {
    const image = `/var/${directory.replaceAll('/', '_')}.ext4`;
    const outside = join(machine.root, image);
    await command(['truncate', '-s', `${sizeMb}M`, outside]);
    await command(['mkfs.ext4', '-q', '-E', 'lazy_itable_init=0,nodiscard', outside]);
    const disk = new LoopDisk(machine, directory, image);
    await disk.mount();
    return disk;
  }

  async mount(): Promise<void> {
    await this.#machine.mount(this.directory, ['-t', 'ext4', '-o', 'loop,commit=600,noatime', this.#image]);
  }

  /** Returns when it is unmounted: a process that was killed lets go of it a moment later. */
  async unmount(): Promise<void> {
    const isUnmounted = async () => {
      await this.#machine.unmount(this.directory);
      return true;
    };
    await waitFor(isUnmounted, { what: `${this.directory} to be let go of` });
  }

  /** What was not flushed is lost, and from now on everything fails with EIO, until it is mounted again. */
  async cutPower(): Promise<void> {
    const program = `open(my $d, '<', $ARGV[0]) or die "$!\\n"; my $f = pack('L', ${NO_LOG_FLUSH});
      ioctl($d, ${SHUTDOWN}, $f) or die "$!\\n"`;
    await command(['perl', '-e', program, this.#machine.path(this.directory)]);
  }

  /** Every write waits from now on. */
  async freeze(): Promise<void> {
    await command(['fsfreeze', '--freeze', this.#machine.path(this.directory)]);
  }

  async thaw(): Promise<void> {
    await command(['fsfreeze', '--unfreeze', this.#machine.path(this.directory)]);
  }

  /** Makes a file look as if nothing had changed it since then; the disk is unmounted. `path` is relative to the disk. */
  async age(path: string, changed: Date): Promise<void> {
    const seconds = `@${Math.floor(changed.getTime() / 1000)}`;
    const image = join(this.#machine.root, this.#image);
    for (const field of ['ctime', 'mtime', 'atime']) {
      await command(['debugfs', '-w', '-R', `set_inode_field /${path} ${field} ${seconds}`, image]);
    }
  }

  /** Unmounts it and removes its image. */
  async remove(): Promise<void> {
    await this.unmount();
    rmSync(join(this.#machine.root, this.#image), { force: true });
  }
}
