import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A way to a PostgreSQL socket that can lose an answer: once armed, the next words of the server that follow a statement of the
 * client are dropped, and the connection with them. By then the server has committed.
 */
export class AnswerLossProxy {
  /** For `host` in a connection string. */
  readonly directory = mkdtempSync(join(tmpdir(), 'queue-proxy-'));
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #wanted: string | undefined;
  /** Connections cut so far. */
  lost = 0;

  private constructor(target: string) {
    this.#server = createServer((client) => {
      const upstream = createConnection(target);
      let isDoomed = false;
      for (const socket of [client, upstream]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => this.#sockets.delete(socket));
      }
      client.on('data', (bytes) => {
        if (this.#wanted !== undefined && bytes.includes(this.#wanted)) {
          this.#wanted = undefined;
          isDoomed = true;
        }
        upstream.write(bytes);
      });
      upstream.on('data', (bytes) => {
        if (!isDoomed) client.write(bytes);
        // ReadyForQuery, outside of a transaction: it has committed.
        else if (bytes.includes('Z\0\0\0\x05I')) {
          this.lost += 1;
          client.destroy();
          upstream.destroy();
        }
      });
      client.on('close', () => upstream.destroy());
      upstream.on('close', () => client.destroy());
    });
  }

  static async start(target: string): Promise<AnswerLossProxy> {
    const proxy = new AnswerLossProxy(target);
    proxy.#server.listen(join(proxy.directory, '.s.PGSQL.5432'));
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** Loses the answer to the next statement that contains the text. */
  loseAnswerTo(text: string): void {
    this.#wanted = text;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
    rmSync(this.directory, { recursive: true, force: true });
  }
}
