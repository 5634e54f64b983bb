import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Machine } from './machine.ts';
import { Network } from './network.ts';
import { Reaper } from './reaper.ts';

/**
 * Real machines on one computer: network and process namespaces with a private root directory each, on a switch of
 * their own. Needs root. Any number of stands run at the same time, and all of a stand goes away when it is closed or
 * when the process that made it dies, whichever way.
 */
export class Stand {
  readonly network: Network;
  /** Holds the machines' disks. */
  readonly directory: string;
  readonly #reaper: Reaper;
  readonly #machines = new Map<string, Machine>();
  readonly #closers: (() => Promise<void>)[] = [];

  private constructor(directory: string, network: Network, reaper: Reaper) {
    this.directory = directory;
    this.network = network;
    this.#reaper = reaper;
  }

  /** `name` becomes part of the directory's name in /tmp, for a person who looks. */
  static async create({ name = 'stand' }: { name?: string } = {}): Promise<Stand> {
    if (process.getuid?.() !== 0) {
      throw new Error('the test stand makes network and mount namespaces: run it as root');
    }
    const reaper = new Reaper();
    try {
      const directory = mkdtempSync(join(tmpdir(), `archive2-${name}.`));
      reaper.ownDirectory(directory);
      // The unprivileged user of a machine must get through to its disk.
      chmodSync(directory, 0o711);
      return new Stand(directory, await Network.create(reaper), reaper);
    } catch (error) {
      await reaper.finish();
      throw error;
    }
  }

  /** Adds a machine and boots it. All machines of a stand know each other's names. */
  async machine(name: string): Promise<Machine> {
    if (this.#machines.has(name)) {
      throw new Error(`the stand has a machine ${name} already`);
    }
    const machine = new Machine(name, this.directory, this.network, this.#reaper);
    this.#machines.set(name, machine);
    machine.addHostName(name, machine.address);
    for (const other of this.#machines.values()) {
      if (other !== machine) {
        other.addHostName(name, machine.address);
        machine.addHostName(other.name, other.address);
      }
    }
    await machine.boot();
    return machine;
  }

  get machines(): readonly Machine[] {
    return [...this.#machines.values()];
  }

  /** Registers what must end before the machines do, last come first. */
  onClose(closer: () => Promise<void>): void {
    this.#closers.unshift(closer);
  }

  /** Ends everything; returns when no process, namespace, link, mount or file of this stand is left. */
  async close(): Promise<void> {
    try {
      for (const closer of this.#closers) {
        await closer();
      }
    } finally {
      await this.#reaper.finish();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
