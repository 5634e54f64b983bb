import { command } from './command.ts';
import type { Reaper } from './reaper.ts';

/** Frames to this address reach no machine: nobody has it. */
export const NOBODYS_MAC = '02:00:00:00:00:01';

/**
 * A switch (a Linux bridge) with a /24 of its own out of 198.18.0.0/15, which RFC 2544 reserves for test networks.
 * Nothing is routed or translated, so no packet leaves this computer. The bridge has the first address: what listens
 * in the test process is reached there.
 */
export class Network {
  readonly bridge: string;
  /** The first three numbers of all addresses. */
  readonly prefix: string;
  #machines = 0;
  #aliases = 0;

  private constructor(number: number) {
    this.bridge = bridgeName(number);
    this.prefix = prefixOf(number);
  }

  static async create(reaper: Reaper): Promise<Network> {
    const taken = await command(['ip', '-4', 'route', 'show', 'table', 'all']);
    const start = Math.floor(Math.random() * 512);
    for (let step = 0; step < 512; step += 1) {
      const number = (start + step) % 512;
      if (!taken.includes(`${prefixOf(number)}.`) && (await claim(number))) {
        const network = new Network(number);
        reaper.ownBridge(network.bridge);
        const { bridge, address } = network;
        await command(['ip', '-batch', '-'], `address add ${address}/24 dev ${bridge}\nlink set ${bridge} up\n`);
        return network;
      }
    }
    throw new Error('all 512 networks of 198.18.0.0/15 are in use: close some stands');
  }

  get address(): string {
    return `${this.prefix}.1`;
  }

  get cidr(): string {
    return `${this.prefix}.0/24`;
  }

  /** An address, MAC and outer link name for one more machine. */
  nextPort(): NetworkPort {
    this.#machines += 1;
    const number = 10 + this.#machines;
    if (number >= 200) {
      throw new Error('a stand has room for 189 machines');
    }
    const address = `${this.prefix}.${number}`;
    // The MAC follows the address, so that a machine that comes back is found by those that remember it.
    const mac = `02:a2:${address.split('.').map(hex).join(':')}`;
    return { address, mac, link: `${this.bridge}p${number}` };
  }

  /** One more address of the test process on this network. */
  async addAddress(): Promise<string> {
    this.#aliases += 1;
    const address = `${this.prefix}.${199 + this.#aliases}`;
    await command(['ip', 'address', 'add', `${address}/32`, 'dev', this.bridge]);
    return address;
  }
}

export interface NetworkPort {
  address: string;
  mac: string;
  /** The name, outside, of the link whose other end is the machine's eth0. */
  link: string;
}

const bridgeName = (number: number) => `a2s${number}`;
const prefixOf = (number: number) => `198.${18 + (number >> 8)}.${number & 255}`;
const hex = (number: string) => Number(number).toString(16).padStart(2, '0');

/** The kernel refuses a second link of the same name: that makes the claim atomic between stands. */
async function claim(number: number): Promise<boolean> {
  try {
    await command(['ip', 'link', 'add', 'name', bridgeName(number), 'type', 'bridge']);
    return true;
  } catch (cause) {
    if (cause instanceof Error && cause.message.includes('File exists')) {
      return false;
    }
    throw new Error('cannot make a bridge: the test stand needs root on a Linux with network namespaces', { cause });
  }
}
