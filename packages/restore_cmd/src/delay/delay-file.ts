import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Clock } from '@archive2/core/base/clock.ts';
import { Failure, systemErrorCode } from '@archive2/core/base/failure.ts';
import { replaceFileDurably } from '@archive2/core/files/atomic-file.ts';
import { tryLock } from '@archive2/core/files/lock.ts';
import type { DelayControl } from './delay-control.ts';

const filePattern = /^delay-.+\.json$/;
const lockPatienceMs = 5000;
const lockRetryMs = 10;

export function isDelayFile(name: string): boolean {
  return filePattern.test(name);
}

/** The small file, beside the agent's socket, that tells what an operator told a delayed standby. It survives agents and restarts. */
export class DelayFile {
  readonly path: string;
  private readonly clock: Clock;

  constructor(path: string, clock: Clock) {
    this.path = path;
    this.clock = clock;
  }

  /** The file of the standby whose data directory has this id (agent-address.ts). */
  static of(stateDirectory: string, dataDirectoryId: string, clock: Clock): DelayFile {
    return new DelayFile(`${stateDirectory}/delay-${dataDirectoryId}.json`, clock);
  }

  /** Undefined when there is none. Throws Failure `damaged` when it cannot be understood: then nobody knows whether to wait. */
  read(): DelayControl | undefined {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
    try {
      return parseControl(text);
    } catch (error) {
      throw new Failure('damaged', `${this.path} cannot be read as a standby's delay`, {
        cause: error,
        hint: 'Remove the file for the normal delay, or remove it and run "restore_cmd delay pause" after the next call.',
      });
    }
  }

  /** Replaces what is there by what `change` makes of it, durably; one at a time. Returns what is there then. */
  async change(change: (control: DelayControl | undefined) => DelayControl): Promise<DelayControl> {
    const giveUpMs = this.clock.monotonicMs() + lockPatienceMs;
    for (;;) {
      const lock = tryLock(`${this.path.replace(/\.json$/, '')}.lock`);
      if (lock !== undefined) {
        try {
          const before = this.read();
          const after = change(before);
          if (after !== before) await replaceFileDurably(this.path, formatControl(after), this.clock.nowMs());
          return after;
        } finally {
          lock.release();
        }
      }
      if (this.clock.monotonicMs() > giveUpMs)
        throw new Failure('busy', `${this.path} is being changed by somebody else`);
      await this.clock.sleep(lockRetryMs);
    }
  }

  /** A standby without a delay has none to pause. */
  async remove(): Promise<void> {
    await rm(this.path, { force: true });
  }
}

function formatControl(control: DelayControl): string {
  return `${JSON.stringify({ format: 1, ...control }, null, 2)}\n`;
}

function parseControl(text: string): DelayControl {
  const { format, dataDirectory, delayMs, mode, sinceMs, grantedMs, last } = JSON.parse(text) as Record<
    string,
    unknown
  >;
  if (format !== 1) throw new Error(`format ${String(format)} is not 1`);
  if (typeof dataDirectory !== 'string') throw new Error('dataDirectory is missing');
  if (mode !== 'normal' && mode !== 'paused' && mode !== 'released') throw new Error(`mode ${String(mode)} is none`);
  if (typeof delayMs !== 'number' || typeof sinceMs !== 'number' || typeof grantedMs !== 'number') {
    throw new Error('a time is missing');
  }
  const control: DelayControl = { dataDirectory, delayMs, mode, sinceMs, grantedMs };
  return last === undefined ? control : { ...control, last: parseLast(last) };
}

function parseLast(value: unknown): { name: string; modifiedMs: number } {
  const { name, modifiedMs } = value as Record<string, unknown>;
  if (typeof name === 'string' && typeof modifiedMs === 'number') return { name, modifiedMs };
  throw new Error('last is no segment');
}
