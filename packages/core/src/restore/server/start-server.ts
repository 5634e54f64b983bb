import { type ChildProcess, spawn } from 'node:child_process';
import { chown, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { childEnvironment } from '../../base/child-environment.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { systemErrorCode } from '../../base/failure.ts';
import { type ProcessEnd, SupervisedProcess } from '../../base/supervised-process.ts';
import { serverAccount } from './server-account.ts';
import { type Settings, settingArguments } from './settings-text.ts';

export interface ServerStart {
  /** The directory of PostgreSQL's programs of the data directory's version. */
  readonly programs: string;
  readonly dataDirectory: string;
  /** Appended to; made for the server's account alone. */
  readonly logFile: string;
  /** On the command line: they count over every file and over ALTER SYSTEM. */
  readonly settings: Settings;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** True: the server ends with this process, however that ends. False: it goes on. */
  readonly endsWithUs: boolean;
}

/** What postmaster.pid says; undefined before it is there. "standby": it runs, and answers nobody yet. */
export type ServerStatus = 'starting' | 'standby' | 'ready' | 'stopping';

/** Without these words in English a log cannot be followed; without the others the log would be elsewhere. */
const logSettings: Settings = {
  lc_messages: 'C',
  logging_collector: 'off',
  log_destination: 'stderr',
};

/**
 * Starts `postgres` for a data directory, as its owner. Returns at once: see watchReplay, waitUntilReady. Throws Failure
 * `restore_refused` for a directory whose owner cannot run it.
 */
export async function startServer(start: ServerStart, clock: Clock = systemClock): Promise<StartedServer> {
  const { programs, dataDirectory, logFile, settings, environment, endsWithUs } = start;
  const account = await serverAccount(dataDirectory);
  const logBytes = await prepareLog(logFile, account);
  const earlierPidFile = await readPidFile(dataDirectory);
  const words = ['-D', dataDirectory, ...settingArguments({ ...logSettings, ...settings })];
  // The shell opens the log, and is the server from then on.
  const args = ['-c', 'log=$1; shift; exec "$@" >>"$log" 2>&1', 'sh', logFile, join(programs, 'postgres'), ...words];
  const launch = { path: '/bin/sh', args, environment: { ...childEnvironment(environment), LC_ALL: 'C' }, account };
  const running = endsWithUs ? supervised(launch) : detached(launch);
  return new StartedServer(dataDirectory, logFile, logBytes, running, earlierPidFile, clock);
}

interface Launch {
  path: string;
  args: string[];
  environment: Record<string, string>;
  account: { uid: number; gid: number } | undefined;
}

interface Running {
  ended: Promise<ProcessEnd>;
  kill: () => void;
}

function supervised(launch: Launch): Running {
  const process = new SupervisedProcess({ ...launch, lastSignal: 'QUIT', onLine: () => undefined });
  return { ended: process.ended, kill: () => void process.stop(0).catch(() => undefined) };
}

function detached({ path, args, environment, account }: Launch): Running {
  const child: ChildProcess = spawn(path, args, {
    cwd: '/',
    detached: true,
    env: environment,
    stdio: 'ignore',
    ...account,
  });
  child.unref();
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.on('error', (error) => resolve({ status: undefined, description: error.message }));
    child.on('exit', (status, signal) =>
      resolve({ status: status ?? undefined, description: signal ?? `status ${status}` }),
    );
  });
  return { ended, kill: () => void child.kill('SIGKILL') };
}

const fastStopMs = 120_000;
const immediateStopMs = 10_000;

/** A server that we have started. */
export class StartedServer {
  readonly dataDirectory: string;
  readonly logFile: string;
  /** Where this start begins in the log. */
  readonly logFromByte: number;
  /** Settles when it has ended. Never rejects. */
  readonly ended: Promise<ProcessEnd>;
  private readonly running: Running;
  private readonly earlierPidFile: string | undefined;
  private readonly clock: Clock;
  private end: ProcessEnd | undefined;

  constructor(
    dataDirectory: string,
    logFile: string,
    logFromByte: number,
    running: Running,
    earlierPidFile: string | undefined,
    clock: Clock,
  ) {
    this.dataDirectory = dataDirectory;
    this.logFile = logFile;
    this.logFromByte = logFromByte;
    this.running = running;
    this.earlierPidFile = earlierPidFile;
    this.clock = clock;
    this.ended = running.ended.then((end) => {
      this.end = end;
      return end;
    });
  }

  /** How it ended; undefined while it runs. */
  get hasEnded(): ProcessEnd | undefined {
    return this.end;
  }

  async status(): Promise<ServerStatus | undefined> {
    return parseServerStatus(await this.ownPidFile());
  }

  /** The postmaster's; undefined before it wrote its file. */
  async pid(): Promise<number | undefined> {
    const first = Number((await this.ownPidFile())?.split('\n')[0]);
    return Number.isInteger(first) && first > 1 ? first : undefined;
  }

  /**
   * Stops it: fast, which ends sessions and writes a checkpoint; after `fastMs`, or with 0 at once, as in a crash; then by SIGKILL.
   * Resolves when it has ended.
   */
  async stop(fastMs = fastStopMs): Promise<void> {
    if (fastMs > 0) await this.endsAfter('SIGINT', fastMs);
    if (this.end === undefined) await this.endsAfter('SIGQUIT', immediateStopMs);
    if (this.end === undefined) this.running.kill();
    await this.ended;
  }

  private async endsAfter(signal: NodeJS.Signals, withinMs: number): Promise<void> {
    const pid = await this.pid();
    if (this.end !== undefined || pid === undefined || !signalIfThere(pid, signal)) return;
    const over = new AbortController();
    await Promise.race([this.ended, this.clock.sleep(withinMs, over.signal)]);
    over.abort();
  }

  private async ownPidFile(): Promise<string | undefined> {
    const text = await readPidFile(this.dataDirectory);
    return text === this.earlierPidFile ? undefined : text;
  }
}

/** Source: PM_STATUS_* in PostgreSQL 18 src/include/utils/pidfile.h. Pure. */
export function parseServerStatus(pidFile: string | undefined): ServerStatus | undefined {
  const word = pidFile?.split('\n')[7]?.trim();
  return (['starting', 'standby', 'ready', 'stopping'] as const).find((status) => status === word);
}

function signalIfThere(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ESRCH') return false;
    throw error;
  }
}

async function readPidFile(dataDirectory: string): Promise<string | undefined> {
  try {
    return await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Makes the log for the account, and returns how much is in it. */
async function prepareLog(path: string, account: { uid: number; gid: number } | undefined): Promise<number> {
  const file = await open(path, 'a', 0o600);
  try {
    const { size } = await file.stat();
    if (account !== undefined && size === 0) await chown(path, account.uid, account.gid);
    return size;
  } finally {
    await file.close();
  }
}
