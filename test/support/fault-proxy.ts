import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { ArchiveHost } from './archive-host.ts';
import type { ProxyMode, PumpMode } from './fault-mode.ts';
import { type TrustOptions, trust } from './keys.ts';
import type { Machine } from './machine.ts';
import { Pump } from './pump.ts';
import type { Stand } from './stand.ts';

export type Direction = 'both' | 'toServer' | 'toClient';

interface Connection {
  client: Socket;
  server: Socket;
  pumps: { toServer: Pump; toClient: Pump };
}

/** A TCP proxy in the test process, at an address of its own on the stand's network, that misbehaves on demand. */
export class FaultProxy {
  readonly address: string;
  readonly #stand: Stand;
  readonly #target: { host: string; port: number };
  readonly #open = new Set<Connection>();
  readonly #modes: { toServer: PumpMode; toClient: PumpMode } = { toServer: 'pass', toClient: 'pass' };
  #server: Server | undefined;
  #port = 0;
  #blackholed: readonly Machine[] = [];
  #accepted = 0;
  #bytes = { toServer: 0, toClient: 0 };

  private constructor(stand: Stand, address: string, target: { host: string; port: number }) {
    this.#stand = stand;
    this.address = address;
    this.#target = target;
  }

  /** Opens a proxy in mode `pass` to a port of a machine. */
  static async open(stand: Stand, to: Machine, port: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(stand, await stand.network.addAddress(), { host: to.address, port });
    await proxy.#listen();
    stand.onClose(async () => proxy.close());
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  /** How many connections were accepted so far. */
  get accepted(): number {
    return this.#accepted;
  }

  get openConnections(): number {
    return this.#open.size;
  }

  /** Handed on so far, all connections together. */
  get bytes(): { toServer: number; toClient: number } {
    return { ...this.#bytes };
  }

  /** Changes what happens from now on, to open connections too. A direction that is not named keeps its mode. */
  async set(mode: ProxyMode, direction: Direction = 'both'): Promise<void> {
    const isWhole = mode === 'refuse' || mode === 'blackhole';
    if (isWhole && direction !== 'both') {
      throw new Error(`${mode} has no direction`);
    }
    if (mode === 'refuse') {
      this.#server?.close();
      this.#server = undefined;
    } else {
      await this.#listen();
    }
    await this.#setBlackhole(mode === 'blackhole');
    const pumpMode = mode === 'blackhole' ? 'hang' : mode === 'refuse' ? 'pass' : mode;
    for (const way of ['toServer', 'toClient'] as const) {
      if (direction === 'both' || direction === way) {
        this.#modes[way] = pumpMode;
        for (const { pumps } of this.#open) {
          pumps[way].mode = pumpMode;
        }
      }
    }
  }

  /** Ends every open connection with a RST to both ends. */
  resetConnections(): void {
    for (const connection of this.#open) {
      this.#reset(connection);
    }
  }

  /** Points an alias of the client at this proxy, with the host's key known under the host's name. */
  async trust(client: Machine, host: ArchiveHost, options: Omit<TrustOptions, 'address' | 'port'>): Promise<void> {
    const here = { address: this.address, port: this.port };
    await trust(client, host, { hostKeyAlias: host.machine.name, ...options, ...here });
  }

  close(): void {
    this.#server?.close();
    this.#server = undefined;
    this.resetConnections();
  }

  async #listen(): Promise<void> {
    if (this.#server !== undefined) {
      return;
    }
    const server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
    server.listen(this.#port, this.address);
    await once(server, 'listening');
    this.#port = (server.address() as { port: number }).port;
    this.#server = server;
  }

  #accept(client: Socket): void {
    this.#accepted += 1;
    const server = connect({ ...this.#target, allowHalfOpen: true });
    const reset = () => this.#reset(connection);
    const pump = (from: Socket, to: Socket, way: 'toServer' | 'toClient') => {
      const count = (bytes: number) => {
        this.#bytes[way] += bytes;
      };
      return new Pump(from, to, this.#modes[way], count, reset);
    };
    const pumps = { toServer: pump(client, server, 'toServer'), toClient: pump(server, client, 'toClient') };
    const connection: Connection = { client, server, pumps };
    this.#open.add(connection);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', reset);
    }
    const closed = () => {
      if (client.destroyed && server.destroyed) {
        this.#open.delete(connection);
      }
    };
    client.on('close', closed);
    server.on('close', closed);
  }

  #reset(connection: Connection): void {
    connection.client.resetAndDestroy();
    connection.server.resetAndDestroy();
    this.#open.delete(connection);
  }

  /** Only the machines' packets to us must vanish: in this mode the pumps send nothing the other way. */
  async #setBlackhole(isOn: boolean): Promise<void> {
    for (const machine of this.#blackholed.filter((machine) => machine.isRunning)) {
      await machine.findFramesTo(this.address);
    }
    this.#blackholed = isOn ? this.#stand.machines.filter((machine) => machine.isRunning) : [];
    for (const machine of this.#blackholed) {
      await machine.loseFramesTo(this.address);
    }
  }
}
