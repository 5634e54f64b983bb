import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import ssh2, { type AnyAuthMethod, type Client, type ParsedKey } from 'ssh2';
import { systemClock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { Log } from '../base/log.ts';
import { Attempt, formatDuration } from './attempt.ts';
import { fingerprintOf } from './host-key.ts';
import { HostKeyCheck, placeOf } from './host-key-check.ts';
import { joinWrites } from './joined-writes.ts';
import { readKnownHosts } from './known-hosts-file.ts';
import { type DecipherOwner, PacketOpener } from './packet-opener.ts';
import { type CipherOwner, PacketSealer } from './packet-sealer.ts';
import { transportAlgorithms } from './ssh-algorithms.ts';
import { SshChannel } from './ssh-channel.ts';
import { readIdentities } from './ssh-identities.ts';
import { Login, type LoginStep } from './ssh-login.ts';
import type { SshTarget } from './ssh-target.ts';
import { type Progress, pendingBytesOf, watchForStall } from './stall-watch.ts';
import { causeText, connectTcp } from './tcp-connect.ts';

export interface SshOptions {
  /** For all of it: name, TCP, handshake and login, through all jump hosts. */
  connectTimeoutMs: number;
  /** How often an idle connection asks the host for a sign of life; less than `stallTimeoutMs`. */
  keepaliveIntervalMs: number;
  /** A connection on which nothing moves for this long is given up. */
  stallTimeoutMs: number;
  /** Ends the attempt to connect; an established connection is ended by `close`. */
  signal?: AbortSignal;
  /** The agent of the environment (SSH_AUTH_SOCK). */
  agentSocket?: string;
  log: Log;
}

/** A logged-in connection to a host whose key was verified. */
export interface SshConnection {
  /** `user@host:port` */
  readonly description: string;
  /**
   * Starts a program on the host.
   *
   * @throws Failure `not_allowed` when the host refuses, or the one that the connection was lost with
   */
  exec(command: string): Promise<SshChannel>;
  /** When data, more than signs of life, last moved in either direction; on the monotonic clock. */
  readonly transferredAtMs: number;
  /** Ends the connection, its channels and its jump hosts. Called more than once, it does nothing. */
  close(): void;
  /** Resolves when the connection has ended: with undefined after `close`, else with the reason. Never rejects. */
  readonly closed: Promise<Failure | undefined>;
}

/** How long a closed connection may take to say good-bye. */
const goodbyeMs = 1000;

/**
 * Connects to a target, through its jump hosts, and logs in. Every host on the way has its key verified against known_hosts before
 * anything else is sent to it.
 *
 * @throws Failure `host_unreachable`, `host_key_unknown`, `host_key_changed`, `login_refused`, or the reason of an aborted signal
 */
export async function connectSsh(target: SshTarget, options: SshOptions): Promise<SshConnection> {
  const attempt = new Attempt(placeOf(target), options.connectTimeoutMs, options.signal);
  let connection: VerifiedConnection | undefined;
  try {
    for (const hop of [...target.proxyJump, target]) {
      const { hostName, port, addressFamily } = hop;
      // The files first: between the TCP connection and the handshake nothing is awaited, so that no event of the socket is missed.
      const check = new HostKeyCheck(hop, await attempt.race(readKnownHosts(hop.knownHostsFiles, options.log)));
      const login = new Login(hop, await attempt.race(readIdentities(hop, options.log)), options.agentSocket);
      const carrier: Duplex =
        connection === undefined
          ? await connectTcp(hostName, port, addressFamily, placeOf(hop), attempt)
          : await attempt.race(connection.forward(hostName, port));
      const next: VerifiedConnection = await VerifiedConnection.open(
        carrier,
        check,
        login,
        connection,
        options,
        attempt,
      );
      connection = next;
    }
  } catch (error) {
    connection?.close();
    throw error;
  } finally {
    attempt.finish();
  }
  if (connection === undefined) throw new Error('a target has at least itself to connect to');
  return connection;
}

class VerifiedConnection implements SshConnection {
  readonly description: string;
  readonly closed: Promise<Failure | undefined>;
  readonly #client: Client;
  readonly #carrier: Duplex;
  readonly #beneath: VerifiedConnection | undefined;
  readonly #settleClosed: (failure: Failure | undefined) => void;
  readonly #ended = new AbortController();
  readonly #channels = new Set<SshChannel>();
  #receivedBytes = 0;
  #transferredAtMs = systemClock.monotonicMs();
  #isLoggedIn = false;
  #hasEnded = false;

  private constructor(client: Client, carrier: Duplex, description: string, beneath: VerifiedConnection | undefined) {
    this.description = description;
    this.#client = client;
    this.#carrier = carrier;
    this.#beneath = beneath;
    const { promise, resolve } = Promise.withResolvers<Failure | undefined>();
    this.closed = promise;
    this.#settleClosed = resolve;
  }

  /** The only way to a connection: none is made without a host key check, and a login without its verdict is a bug that ends it. */
  static async open(
    carrier: Duplex,
    check: HostKeyCheck,
    login: Login,
    beneath: VerifiedConnection | undefined,
    options: SshOptions,
    attempt: Attempt,
  ): Promise<VerifiedConnection> {
    const client = new ssh2.Client();
    const connection = new VerifiedConnection(client, carrier, login.place, beneath);
    carrier.on('error', (error) => connection.#end(lossOf(connection.description, error)));
    carrier.on('close', () => connection.#end(connection.#endOfStream()));
    attempt.signal.addEventListener('abort', () => connection.#end(attempt.signal.reason as Failure), { once: true });
    try {
      await attempt.race(connection.#logIn(check, login, options, attempt));
    } catch (error) {
      connection.#end(error instanceof Failure ? error : lossOf(connection.description, error));
      throw (await connection.closed) ?? error;
    }
    connection.#watch(options);
    return connection;
  }

  async #logIn(check: HostKeyCheck, login: Login, options: SshOptions, attempt: Attempt): Promise<void> {
    const client = this.#client;
    const leaveWritesApart = joinWrites(this.#carrier);
    attempt.phase = `the SSH handshake with ${this.description}`;
    const ready = new Promise<void>((resolve) => {
      client.on('handshake', () => {
        attempt.phase = `the login at ${this.description}`;
      });
      client.on('ready', () => {
        this.#isLoggedIn = true;
        resolve();
      });
    });
    client.on('error', (error: Error & { level?: string }) => {
      if (error.level === 'agent') {
        options.log.warning('the ssh agent cannot be used', { error: error.message });
        return;
      }
      this.#end(
        check.failure ?? (this.#isLoggedIn ? undefined : login.failureOf(error)) ?? lossOf(this.description, error),
      );
    });
    client.on('end', () => this.#end(this.#endOfStream()));
    client.on('close', () => this.#end(this.#endOfStream()));
    client.connect({
      sock: this.#carrier,
      username: login.user,
      hostVerifier: (key: Buffer) => check.accepts(key),
      authHandler: (methodsLeft, _partial, next) => {
        let step = login.next(methodsLeft);
        let method = step && methodFor(step, login);
        while (step !== undefined && method === undefined) {
          step = login.next(methodsLeft);
          method = step && methodFor(step, login);
        }
        // false, which the types leave out, is ssh2's word for "no more".
        next(method ?? (false as unknown as AnyAuthMethod));
      },
      algorithms: {
        ...transportAlgorithms,
        serverHostKey: check.algorithms,
      },
      // The watch decides when to give up; ssh2 only asks for the signs of life, and would count those behind a queue as missing.
      keepaliveInterval: options.keepaliveIntervalMs,
      keepaliveCountMax: Number.MAX_SAFE_INTEGER,
      readyTimeout: 0,
    });
    // After connect, which pauses the carrier: a listener before it would make it flow, and ssh2 would miss the beginning.
    this.#carrier.on('data', (chunk: Buffer) => {
      this.#receivedBytes += chunk.length;
    });
    const failure = await Promise.race([ready, this.closed]);
    if (failure !== undefined) throw failure;
    if (this.#hasEnded) throw new Failure('host_unreachable', `${this.description}: the connection was closed`);
    if (!check.isAccepted) throw new Error(`${this.description}: the host key was not verified`);
    const { _protocol: protocol } = client as unknown as { _protocol: CipherOwner & DecipherOwner };
    if (PacketSealer.takeOver(protocol, this.#carrier)) leaveWritesApart();
    // What comes through a jump host lies in memory that others look at.
    PacketOpener.takeOver(protocol, this.#carrier instanceof Socket ? this.#carrier : undefined);
  }

  get transferredAtMs(): number {
    return this.#transferredAtMs;
  }

  async exec(command: string): Promise<SshChannel> {
    const opened = new Promise<SshChannel>((resolve, reject) => {
      if (this.#hasEnded) return;
      try {
        this.#client.exec(command, (error, raw) => {
          if (error) {
            reject(refusalOf(`${this.description}: the host does not run the command`, error));
            return;
          }
          // At once, before the next packet is looked at: it may hold the exit status.
          const channel = new SshChannel(raw);
          this.#channels.add(channel);
          raw.once('close', () => this.#channels.delete(channel));
          resolve(channel);
        });
      } catch (error) {
        reject(lossOf(this.description, error));
      }
    });
    return this.#orLoss(opened);
  }

  /** A stream to another host, for the next connection to run over. */
  async forward(hostName: string, port: number): Promise<Duplex> {
    const opened = new Promise<Duplex>((resolve, reject) => {
      try {
        this.#client.forwardOut('127.0.0.1', 0, hostName, port, (error, raw) => {
          if (error) {
            const message = `${hostName}:${port}: not reached from the jump host ${this.description}: ${openFailureText(error)}`;
            reject(new Failure('host_unreachable', message, { cause: error }));
          } else {
            resolve(raw);
          }
        });
      } catch (error) {
        reject(lossOf(this.description, error));
      }
    });
    return this.#orLoss(opened);
  }

  close(): void {
    this.#end(undefined);
  }

  /** The outcome of `work`, or the loss of the connection where that is what it ends with or waits for. */
  async #orLoss<T>(work: Promise<T>): Promise<T> {
    const lost = this.closed.then((failure) => {
      throw failure ?? new Failure('host_unreachable', `${this.description}: the connection was closed`);
    });
    try {
      return await Promise.race([work, lost]);
    } catch (error) {
      if (this.#hasEnded) return await lost;
      throw error;
    }
  }

  #endOfStream(): Failure {
    const when = this.#isLoggedIn ? '' : ' before the login was complete';
    return new Failure('host_unreachable', `${this.description}: the host closed the connection${when}`);
  }

  #watch(options: SshOptions): void {
    const { stallTimeoutMs } = options;
    const onStall = () => {
      this.#end(
        new Failure('host_stalled', `${this.description}: nothing moved for ${formatDuration(stallTimeoutMs)}`),
      );
    };
    const onTransfer = () => {
      this.#transferredAtMs = systemClock.monotonicMs();
    };
    watchForStall(this.#progress(), stallTimeoutMs, systemClock, this.#ended.signal, onTransfer).then(
      (isStalled) => (isStalled ? onStall() : undefined),
      (error: unknown) => this.#end(lossOf(this.description, error)),
    );
    // What the jump host ends with is the better reason than the end of the stream through it.
    this.#beneath?.closed.then(
      (failure) => this.#end(failure),
      () => undefined,
    );
  }

  #progress(): Progress {
    const carrier = this.#carrier;
    return {
      receivedBytes: () => this.#receivedBytes,
      pendingBytes: () => {
        if (carrier instanceof Socket) return pendingBytesOf(carrier);
        // Through a jump host only the way to it can be seen; while that drains, this connection's bytes are among them.
        return this.#beneath === undefined ? undefined : this.#beneath.#progress().pendingBytes();
      },
    };
  }

  #end(failure: Failure | undefined): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#settleClosed(failure);
    this.#ended.abort();
    const reason = failure ?? new Failure('host_unreachable', `${this.description}: the connection was closed`);
    for (const channel of this.#channels) channel.abandon(reason);
    this.#channels.clear();
    if (failure === undefined) this.#client.end();
    this.#destroyCarrier(failure === undefined ? goodbyeMs : 0);
  }

  #destroyCarrier(afterMs: number): void {
    const destroy = () => {
      this.#carrier.destroy();
      this.#beneath?.close();
    };
    if (afterMs === 0 || this.#carrier.destroyed) {
      destroy();
      return;
    }
    const closed = new AbortController();
    this.#carrier.once('close', () => closed.abort());
    systemClock.sleep(afterMs, closed.signal).then(destroy, destroy);
  }
}

/** What ssh2 tries for a step of the login; undefined when it cannot use the key file, which the login then remembers. */
function methodFor(step: LoginStep, login: Login): AnyAuthMethod | undefined {
  const username = login.user;
  if (step.kind === 'agent') return { type: 'agent', username, agent: new ChosenKeysAgent(step.socket, step.wants) };
  const parsed = ssh2.utils.parseKey(step.privateKey);
  const key: ParsedKey | Error | undefined = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key === undefined || key instanceof Error) {
    login.skip(step.file, key?.message ?? 'no key in it');
    return undefined;
  }
  login.offer(`${step.file} (${fingerprintOf(key.getPublicSSH())})`);
  return { type: 'publickey', username, key };
}

/** An agent of which only some keys are used. */
class ChosenKeysAgent extends ssh2.OpenSSHAgent {
  readonly #wants: (publicKey: Buffer) => boolean;

  constructor(socketPath: string, wants: (publicKey: Buffer) => boolean) {
    super(socketPath);
    this.#wants = wants;
  }

  override getIdentities(callback: Parameters<InstanceType<typeof ssh2.OpenSSHAgent>['getIdentities']>[0]): void {
    super.getIdentities((error, keys) => {
      if (error) callback(error);
      else callback(undefined, keys?.filter((key) => 'getPublicSSH' in key && this.#wants(key.getPublicSSH())) ?? []);
    });
  }
}

/** The failure for whatever a connection was lost with. */
function lossOf(place: string, error: unknown): Failure {
  if (error instanceof Failure) return error;
  return new Failure('host_unreachable', `${place}: ${causeText(error)}`, { cause: error });
}

function refusalOf(message: string, error: Error): Failure {
  return new Failure('not_allowed', `${message}: ${openFailureText(error)}`, { cause: error });
}

function openFailureText(error: Error): string {
  return error.message.replace(/^\(SSH\) Channel open failure: /, '');
}
