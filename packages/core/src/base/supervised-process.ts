import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';

export interface SupervisedOptions {
  path: string;
  args: readonly string[];
  environment: Record<string, string>;
  /** Each line that it writes to stdout or stderr. */
  onLine: (line: string) => void;
}

export interface ProcessEnd {
  /** Undefined when a signal ended it, or it did not start. */
  status: number | undefined;
  /** For people: "status 1", "SIGKILL", or why it did not start. */
  description: string;
}

/** In Debian and Red Hat a part of what is always there. */
const setpriv = '/usr/bin/setpriv';

/**
 * A program in a process group of its own that we end, with all that it started. It dies with us however we end, where there is
 * setpriv(1); elsewhere it may outlive a SIGKILL of ours.
 */
export class SupervisedProcess {
  /** Settles when the program has ended and its output was read. Never rejects. */
  readonly ended: Promise<ProcessEnd>;
  private readonly child: ChildProcess;
  private hasEnded = false;

  constructor({ path, args, environment, onLine }: SupervisedOptions) {
    const dyingWithUs = existsSync(setpriv) ? [setpriv, '--pdeathsig', 'KILL', path] : [path];
    const [program = path, ...before] = dyingWithUs;
    this.child = spawn(program, [...before, ...args], {
      cwd: '/',
      detached: true,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', onLine);
    }
    this.ended = new Promise((resolve) => {
      const end = (how: ProcessEnd): void => {
        this.hasEnded = true;
        resolve(how);
      };
      this.child.on('error', (error) => end({ status: undefined, description: error.message }));
      this.child.on('close', (status, signal) =>
        end({ status: status ?? undefined, description: signal ?? `status ${status}` }),
      );
    });
  }

  get isRunning(): boolean {
    return !this.hasEnded;
  }

  /** Asks it to end, and after `graceMs` kills it. Resolves when it has ended. */
  async stop(graceMs: number): Promise<ProcessEnd> {
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), graceMs);
    try {
      return await this.ended;
    } finally {
      clearTimeout(timer);
    }
  }

  private signal(signal: NodeJS.Signals): void {
    if (this.hasEnded || this.child.pid === undefined) return;
    try {
      process.kill(-this.child.pid, signal);
    } catch {
      // The group has gone in between.
    }
  }
}
