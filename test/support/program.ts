import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { childOf } from './process-table.ts';
import { waitFor } from './wait-for.ts';

export interface Exit {
  /** null when a signal ended the program. */
  status: number | null;
  signal: NodeJS.Signals | null;
}

export interface ProgramResult extends Exit {
  stdout: string;
  stderr: string;
}

/** A program on a machine. Its output is kept in memory from the start, unless the caller reads the streams itself. */
export class Program {
  readonly argv: readonly string[];
  /** Settles when the program has ended and everybody who has its output open has closed it. */
  readonly ended: Promise<ProgramResult>;
  /** Settles when the program has ended. */
  readonly exited: Promise<Exit>;
  readonly #entry: ChildProcess;
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];

  constructor(entryArgv: readonly string[], argv: readonly string[], env: Record<string, string>) {
    this.argv = argv;
    this.#entry = spawn(entryArgv[0] ?? '', entryArgv.slice(1), { env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.output.on('data', (chunk: Buffer) => this.#stdout.push(chunk));
    this.errors.on('data', (chunk: Buffer) => this.#stderr.push(chunk));
    // A program may end without reading its input; its exit status tells.
    this.input.on('error', () => undefined);
    this.exited = this.#settled('exit');
    this.ended = this.#settled('close').then((exit) => ({ ...exit, stdout: this.stdout, stderr: this.stderr }));
    // Whoever is interested awaits them; a machine's death is no error of the test.
    this.exited.catch(() => undefined);
    this.ended.catch(() => undefined);
  }

  get input(): Writable {
    return this.#entry.stdin as Writable;
  }

  get output(): Readable {
    return this.#entry.stdout as Readable;
  }

  get errors(): Readable {
    return this.#entry.stderr as Readable;
  }

  /** What it has written so far. */
  get stdout(): string {
    return Buffer.concat(this.#stdout).toString();
  }

  get stderr(): string {
    return Buffer.concat(this.#stderr).toString();
  }

  get isRunning(): boolean {
    return this.#entry.exitCode === null && this.#entry.signalCode === null;
  }

  /** The program's pid as seen from outside the machine. */
  async pid(): Promise<number> {
    return await waitFor(() => childOf(this.#entry.pid ?? 0), { what: `${this.argv[0]} to start`, intervalMs: 2 });
  }

  /** Sends the program a signal; nothing happens when it has ended. */
  async signal(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (!this.isRunning) {
      return;
    }
    try {
      process.kill(await this.pid(), signal);
      if (signal === 'SIGCONT') {
        this.resume();
      }
    } catch (error) {
      if (this.isRunning) {
        throw error;
      }
    }
  }

  /** Wakes nsenter, which stops itself when its child is stopped and would not notice the child's end any more. */
  resume(): void {
    this.#entry.kill('SIGCONT');
  }

  onExit(listener: () => void): void {
    this.#entry.on('exit', listener);
  }

  /** Kills the program, and with the end of the wait, its entry too. */
  async kill(): Promise<Exit> {
    // The program asked for SIGKILL at its parent's death, so this ends both.
    this.#entry.kill('SIGKILL');
    return await this.exited;
  }

  /** Waits for the end. @throws Error with the output so far when it takes longer; the program is killed then. */
  async endWithin(timeoutMs: number): Promise<ProgramResult> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(this.#tooLate(timeoutMs)), timeoutMs);
    });
    try {
      return await Promise.race([this.ended, late]);
    } catch (error) {
      await this.kill();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #tooLate(timeoutMs: number): Error {
    const what = this.isRunning ? 'did not end' : 'ended, but somebody keeps its output open,';
    return new Error(
      `${this.argv.join(' ')} ${what} within ${timeoutMs} ms\nstdout: ${this.stdout}\nstderr: ${this.stderr}`,
    );
  }

  #settled(event: 'exit' | 'close'): Promise<Exit> {
    return new Promise((resolve, reject) => {
      this.#entry.on('error', reject);
      this.#entry.on(event, (status: number | null, signal: NodeJS.Signals | null) => resolve({ status, signal }));
    });
  }
}
