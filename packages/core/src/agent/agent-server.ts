import { readlinkSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { Failure, toFailure } from '../base/failure.ts';
import type { Log } from '../base/log.ts';
import { type HeldLock, tryLock } from '../files/lock.ts';
import type { AgentAddress } from './agent-address.ts';
import type { AgentRequest, AgentVerdict } from './client.ts';
import { readRequest } from './read-request.ts';

/** What an agent does with calls; how it lives and ends is AgentServer's. */
export interface AgentWork {
  /** The longest that this call may take, so that the client knows how long to wait. Throws Failure for a bad call. */
  deadlineMs(request: AgentRequest): Promise<number>;
  /**
   * Carries out a call. Rejections become the verdict of an internal error. The signal aborts when the client is gone: then nobody
   * hears the verdict.
   */
  call(request: AgentRequest, gone: AbortSignal): Promise<AgentVerdict>;
  /** True while something is under way that should not be cut off by idling. */
  isBusy(): boolean;
  /** One line of text about what it does, for operators. */
  describe(): Record<string, string | number>;
  /** Ends everything that is under way, at once. */
  stop(): void;
}

/** Who is told of an agent's life. */
export interface AgentWitness {
  /** It has its lock and listens. */
  began(): void;
  /** It still has its lock. */
  ends(reason: string): void;
}

const noWitness: AgentWitness = { began: () => undefined, ends: () => undefined };

export interface AgentServerOptions {
  address: AgentAddress;
  /** This program's release, for people. */
  build: string;
  idleMs: number;
  /** Default: nobody. */
  witness?: AgentWitness;
  clock: Clock;
  log: Log;
}

const maxConnections = 64;
/** A call that is answered within this time has one answer and no word about waiting; a client waits 5 s for either. */
const unannouncedMs = 50;
const stopWithinMs = 1500;

/**
 * The agent's socket and its life: it holds its lock before it removes a stale socket and listens; it ends when it has been
 * idle, when it is told to, and when a client of another release calls or its own program file was replaced.
 */
export class AgentServer {
  private readonly options: AgentServerOptions;
  private readonly work: AgentWork;
  private readonly witness: AgentWitness;
  private readonly server: Server;
  private readonly connections = new Set<Socket>();
  private readonly startedMs: number;
  private lock: HeldLock | undefined;
  private lastUsedMs: number;
  private calls = 0;
  private ended: () => void = () => undefined;

  constructor(options: AgentServerOptions, work: AgentWork) {
    this.options = options;
    this.work = work;
    this.witness = options.witness ?? noWitness;
    this.startedMs = options.clock.monotonicMs();
    this.lastUsedMs = this.startedMs;
    this.server = createServer((socket) => this.accept(socket));
    this.server.maxConnections = maxConnections;
  }

  /** Runs until the agent's end. Returns at once, false, when another agent has the lock. */
  async run(): Promise<boolean> {
    const { address, log, idleMs } = this.options;
    this.lock = tryLock(address.lockPath);
    if (this.lock === undefined) return false;
    // Only the lock's holder may do this: whoever listened here before is dead.
    rmSync(address.socketPath, { force: true });
    await this.listen(address.socketPath);
    log.info('agent started', { pid: process.pid, build: this.options.build, socket: address.socketPath });
    this.witness.began();
    const end = new Promise<void>((resolve) => {
      this.ended = resolve;
    });
    process.once('SIGTERM', () => this.end('SIGTERM'));
    process.once('SIGINT', () => this.end('SIGINT'));
    const idle = setInterval(() => this.endWhenIdle(), Math.min(1000, idleMs));
    await end;
    clearInterval(idle);
    return true;
  }

  private listen(socketPath: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(socketPath, () => {
        this.server.off('error', reject);
        resolve();
      });
    });
  }

  private accept(socket: Socket): void {
    this.connections.add(socket);
    socket.on('close', () => this.connections.delete(socket));
    // A client that is gone needs no answer; what it asked for goes on.
    socket.on('error', () => undefined);
    this.serve(socket).catch((error: unknown) => {
      this.options.log.error('call failed', { reason: toFailure(error).message });
      socket.destroy();
    });
  }

  private async serve(socket: Socket): Promise<void> {
    const request = await readRequest(socket);
    if (request.kind === 'status') {
      // To be looked at is no use: a monitor would keep an agent that nobody calls for ever.
      answer(socket, { status: 0, stdout: this.statusText() });
      return;
    }
    this.lastUsedMs = this.options.clock.monotonicMs();
    if (request.kind === 'stop') {
      answer(socket, { status: 0 });
      this.end('asked to stop');
    } else if (request.program !== process.execPath || programWasReplaced()) {
      socket.end('{"retired":true}\n');
      this.end('another release is installed');
    } else {
      await this.serveCall(socket, request);
    }
    this.lastUsedMs = this.options.clock.monotonicMs();
  }

  private async serveCall(socket: Socket, request: AgentRequest): Promise<void> {
    this.calls += 1;
    const gone = new AbortController();
    socket.on('close', () => gone.abort());
    const verdict = verdictOf(this.work, request, gone.signal);
    const enough = new AbortController();
    const patience = this.options.clock.sleep(unannouncedMs, enough.signal).then(() => undefined);
    const known = await Promise.race([verdict, patience]);
    enough.abort();
    if (known === undefined) {
      const waitMs = await this.work.deadlineMs(request).catch(() => 0);
      socket.write(`${JSON.stringify({ waitMs })}\n`);
    }
    answer(socket, await verdict);
  }

  private endWhenIdle(): void {
    const { clock, idleMs } = this.options;
    if (this.connections.size > 0 || this.work.isBusy()) this.lastUsedMs = clock.monotonicMs();
    if (clock.monotonicMs() - this.lastUsedMs >= idleMs) this.end('idle');
  }

  /** Stops listening first, so that a client finds no socket and starts another agent, then gives up what is under way. */
  private end(reason: string): void {
    if (this.lock === undefined) return;
    this.options.log.info('agent ends', { pid: process.pid, reason });
    this.witness.ends(reason);
    rmSync(this.options.address.socketPath, { force: true });
    this.server.close();
    this.lock.release();
    this.lock = undefined;
    const finish = (): void => {
      this.work.stop();
      for (const socket of this.connections) socket.destroy();
      this.ended();
    };
    // What was answered a moment ago must still reach its client.
    if (this.connections.size === 0) finish();
    else setTimeout(finish, reason === 'another release is installed' ? stopWithinMs : 100);
  }

  private statusText(): string {
    const upSeconds = Math.round((this.options.clock.monotonicMs() - this.startedMs) / 1000);
    const facts = {
      pid: process.pid,
      build: this.options.build,
      upSeconds,
      calls: this.calls,
      ...this.work.describe(),
    };
    return Object.entries(facts)
      .map(([key, value]) => `${key}=${value}`)
      .join(' ');
  }
}

async function verdictOf(work: AgentWork, request: AgentRequest, gone: AbortSignal): Promise<AgentVerdict> {
  try {
    return await work.call(request, gone);
  } catch (error) {
    const failure = toFailure(error);
    return { status: failure.exit, stderr: failure.message };
  }
}

function answer(socket: Socket, verdict: AgentVerdict): void {
  socket.end(`${JSON.stringify(verdict)}\n`);
}

/** After an upgrade in place the program that runs is no longer the one that is installed. */
function programWasReplaced(): boolean {
  try {
    return readlinkSync('/proc/self/exe').endsWith(' (deleted)');
  } catch (error) {
    throw new Failure('internal', 'the program of this process cannot be looked at', { cause: error });
  }
}
