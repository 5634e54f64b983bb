import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Failure, systemErrorCode, toFailure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import { isOwnName } from './host-check.ts';
import { formatAuthority, type ListenAddress } from './listen-address.ts';
import { plainReply, type Reply, type Route } from './reply.ts';
import { clearSocketPath, openToGroup } from './socket-path.ts';
import type { Token } from './token.ts';

/** Where clients come from, and what they must show. */
export type Entrance =
  | { kind: 'tcp'; address: ListenAddress; token: Token | undefined }
  | { kind: 'socket'; path: string; token: Token | undefined };

export interface WebServerOptions {
  entrance: Entrance;
  route: Route;
  /** With every answer. */
  headers: Readonly<Record<string, string>>;
  log: Log;
}

const maxConnections = 64;
const maxHeaderBytes = 8 * 1024;
const maxUrlLength = 1024;
/** The path is of no interest without its host. */
const anyOrigin = 'http://localhost';

/**
 * A server of a few pages over HTTP/1.1: GET and HEAD only, everything bounded. It never throws after `listen`: a request that goes
 * wrong is answered with 500, and logged.
 */
export class WebServer {
  readonly #options: WebServerOptions;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();

  constructor(options: WebServerOptions) {
    this.#options = options;
    this.#server = createServer(
      { maxHeaderSize: maxHeaderBytes, headersTimeout: 5_000, requestTimeout: 5_000, keepAliveTimeout: 10_000 },
      (request, response) => {
        this.#answer(request).then(
          (reply) => this.#send(request, response, reply),
          (error: unknown) => {
            options.log.error('a request could not be answered', { url: request.url, why: toFailure(error).message });
            this.#send(request, response, plainReply(500, 'this could not be answered; see the log'));
          },
        );
      },
    );
    this.#server.on('connection', (socket) => this.#admit(socket));
  }

  /** Resolves when it listens, with where that is, for people. Throws Failure `usage` or `busy` when it cannot. */
  async listen(): Promise<string> {
    const { entrance } = this.#options;
    if (entrance.kind === 'socket') await clearSocketPath(entrance.path);
    // Until its rights are set nobody else may connect.
    const umask = process.umask(0o177);
    try {
      await this.#bind(entrance);
    } catch (error) {
      throw cannotListen(entrance, error);
    } finally {
      process.umask(umask);
    }
    this.#server.on('error', (error) => this.#options.log.error('listening failed', { why: error.message }));
    if (entrance.kind === 'tcp') return `http://${formatAuthority(this.#boundAddress(entrance.address))}/`;
    await openToGroup(entrance.path);
    return entrance.path;
  }

  async #bind(entrance: Entrance): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      const listening = () => {
        this.#server.off('error', reject);
        resolve();
      };
      if (entrance.kind === 'socket') this.#server.listen(entrance.path, listening);
      else this.#server.listen(entrance.address.port, entrance.address.host, listening);
    });
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
      for (const socket of this.#connections) socket.destroy();
    });
  }

  #admit(socket: Socket): void {
    if (this.#connections.size >= maxConnections) {
      socket.destroy();
      return;
    }
    this.#connections.add(socket);
    socket.on('close', () => this.#connections.delete(socket));
    // A client that vanishes is no event.
    socket.on('error', () => undefined);
  }

  async #answer(request: IncomingMessage): Promise<Reply> {
    const { method = '', url = '', headers } = request;
    const { entrance, route } = this.#options;
    // Whoever shows the token is no page of somebody else's: browsers send it to the name only that it was given for.
    if (entrance.token !== undefined) {
      if (!entrance.token.isIn(headers.authorization)) return plainReply(401, 'a token is needed');
    } else if (entrance.kind === 'tcp' && !isOwnName(headers.host, this.#boundAddress(entrance.address))) {
      return plainReply(421, 'this server is not known by that name');
    }
    if (method !== 'GET' && method !== 'HEAD') return plainReply(405, 'only GET and HEAD are answered');
    if (url.length > maxUrlLength) return plainReply(414, 'the URL is too long');
    if (!url.startsWith('/') || !URL.canParse(url, anyOrigin)) return plainReply(400, 'the URL is malformed');
    const { pathname, searchParams } = new URL(url, anyOrigin);
    return (await route(pathname, searchParams)) ?? plainReply(404, 'there is nothing under this path');
  }

  #boundAddress(asked: ListenAddress): ListenAddress {
    const bound = this.#server.address() as AddressInfo | null;
    return { host: asked.host, port: bound?.port ?? asked.port };
  }

  #send(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
    const body = Buffer.from(reply.body);
    response.writeHead(reply.status, {
      ...this.#options.headers,
      'content-type': reply.contentType,
      'content-length': body.length,
      ...(reply.status === 401 ? { 'www-authenticate': 'Basic realm="archive-status", charset="UTF-8"' } : {}),
      ...(reply.status === 405 ? { allow: 'GET, HEAD' } : {}),
      // The body of a request that is refused is not read.
      ...(reply.status === 200 ? {} : { connection: 'close' }),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }
}

function cannotListen(entrance: Entrance, error: unknown): Failure {
  const where = entrance.kind === 'socket' ? entrance.path : formatAuthority(entrance.address);
  const isTaken = systemErrorCode(error) === 'EADDRINUSE';
  const why = isTaken ? 'another process does' : toFailure(error).message;
  return new Failure(isTaken ? 'busy' : 'usage', `cannot listen on ${where}: ${why}`, { cause: error });
}
