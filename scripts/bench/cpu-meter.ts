import { mkdirSync, readFileSync, rmdirSync, statfsSync, writeFileSync } from 'node:fs';
import type { Machine } from '../../test/support/machine.ts';

const controllers = '/sys/fs/cgroup/cpuacct';
/** f_type of a cgroup v1 mount; source: include/uapi/linux/magic.h. */
const cgroupMagic = 0x27e0eb;
/** A process that is ending is still in its group, for a moment. */
const mostReleases = 2000;

/**
 * CPU of everything that runs on some machines, by the kernel's own account: daemons, and what ended meanwhile, too. Counts what the
 * machines' processes start from now on, so open it when servers run, and before what is measured.
 */
export class CpuMeter {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** @throws Error where there is no cgroup v1 controller `cpuacct`. */
  static open(machines: readonly Machine[]): CpuMeter {
    // A directory of that name that is no cgroup mount would take the files, and count nothing.
    if (statfsSync(controllers).type !== cgroupMagic) throw new Error(`${controllers} is no cgroup v1 mount`);
    const directory = `${controllers}/archive2-bench-${process.pid}-${performance.now().toFixed(0)}`;
    mkdirSync(directory);
    const meter = new CpuMeter(directory);
    meter.adopt(machines);
    return meter;
  }

  /** Takes in what was started on the machines since, by others than their own processes. */
  adopt(machines: readonly Machine[]): void {
    for (const { pid } of machines.flatMap((machine) => machine.processes())) {
      try {
        writeFileSync(`${this.#directory}/cgroup.procs`, String(pid));
      } catch (error) {
        // It has ended meanwhile.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }

  /** Milliseconds so far. */
  read(): number {
    return Number(readFileSync(`${this.#directory}/cpuacct.usage`, 'utf8')) / 1e6;
  }

  /** Its processes go back to where all others are. One may begin another meanwhile: then they are looked at again. */
  close(): void {
    for (let turn = 1; ; turn += 1) {
      this.#release();
      try {
        rmdirSync(this.#directory);
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || turn === mostReleases) throw error;
      }
      Bun.sleepSync(1);
    }
  }

  #release(): void {
    for (const pid of readFileSync(`${this.#directory}/cgroup.procs`, 'utf8').split('\n').filter(Boolean)) {
      try {
        writeFileSync(`${controllers}/cgroup.procs`, pid);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }
}
