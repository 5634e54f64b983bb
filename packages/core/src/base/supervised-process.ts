import { type ChildProcess, spawn } from 'node:child_process';
import { TextLines } from './text-lines.ts';

export interface SupervisedOptions {
  path: string;
  args: readonly string[];
  environment: Record<string, string>;
  /** Each line that it writes to stdout or stderr. */
  onLine: (line: string) => void;
  /** The account that it runs as; only root may choose one. Default: ours. */
  account?: { uid: number; gid: number } | undefined;
  /** What it gets first when we are gone, for a program that has to clean up; its group is killed 10 s later. Default: SIGKILL at once. */
  lastSignal?: 'QUIT' | undefined;
}

export interface ProcessEnd {
  /** Undefined when a signal ended it, or it did not start. */
  status: number | undefined;
  /** For people: "status 1", "SIGKILL", or why it did not start. */
  description: string;
}

/**
 * Runs the program, and kills the whole process group when its stdin, which we hold, is closed: by our end, whatever it was. A signal
 * at the parent's death (prctl) would not reach what the program has started: pg_basebackup's receiver of WAL goes on without it.
 */
const guard = (atOurEnd: string) => `
exec 3<&0 </dev/null
"$@" 3<&- &
work=$!
{ read -r _ <&3; ${atOurEnd} } >/dev/null 2>&1 &
watch=$!
exec 3<&-
wait $work
status=$?
kill $watch
exit $status`;

const killAtOnce = 'kill -KILL 0;';
/** In short sleeps, because one that is under way outlives its shell. */
const quitThenKill = `kill -QUIT $work; n=0; while [ $n -lt 50 ]; do sleep 0.2; n=$((n + 1)); done; ${killAtOnce}`;

/** A program in a process group of its own that we end, with all that it started. It dies with us, however we end. */
export class SupervisedProcess {
  /** Settles when the program has ended and its output was read. Never rejects. */
  readonly ended: Promise<ProcessEnd>;
  private readonly child: ChildProcess;
  private hasEnded = false;

  constructor({ path, args, environment, onLine, account, lastSignal }: SupervisedOptions) {
    const script = guard(lastSignal === 'QUIT' ? quitThenKill : killAtOnce);
    this.child = spawn('/bin/sh', ['-c', script, 'sh', path, ...args], {
      ...account,
      cwd: '/',
      detached: true,
      env: environment,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child.stdin?.on('error', () => undefined);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      // Not by node:readline: loading it is 3 ms of each command's start.
      const lines = new TextLines(onLine);
      stream?.setEncoding('utf8').on('data', (text: string) => lines.take(text));
      stream?.on('end', () => lines.finish());
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
