import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { toFailure } from '../base/failure.ts';
import type { Log } from '../base/log.ts';
import type { AgentMetrics } from './agent-metrics.ts';
import { formatAgentMetrics, parseAgentMetrics } from './agent-metrics-text.ts';

export interface AgentMetricsFileOptions {
  path: string;
  /** What the file is to say; called when it is written. */
  collect: (endedMs: number | undefined) => AgentMetrics;
  clock: Clock;
  log: Log;
}

const intervalMs = 1000;

/**
 * Writes an agent's counters beside its work: at most once a second while something changes, and at its end. A reader sees the old file
 * or the new one. Not durable, and a failed write costs one line in the log: nobody waits for it, and nothing depends on it.
 */
export class AgentMetricsFile {
  private readonly options: AgentMetricsFileOptions;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private writing: Promise<void> = Promise.resolve();
  private writtenMs = Number.NEGATIVE_INFINITY;
  private hasFailed = false;
  private isClosed = false;

  constructor(options: AgentMetricsFileOptions) {
    this.options = options;
  }

  /** Something was counted. Costs nothing: at most a timer is set. */
  changed(): void {
    if (this.timer !== undefined || this.isClosed) return;
    const waitMs = Math.max(0, this.writtenMs + intervalMs - this.options.clock.monotonicMs());
    this.timer = setTimeout(() => this.write(), waitMs);
    this.timer.unref();
  }

  /** Writes for the last time, at once: whoever is the next agent reads it in a moment. Never throws. */
  end(): void {
    clearTimeout(this.timer);
    this.isClosed = true;
    const { path, collect, clock, log } = this.options;
    const part = partOf(path);
    try {
      writeFileSync(part, formatAgentMetrics(collect(clock.nowMs())), { mode: 0o600, flag: 'wx' });
      renameSync(part, path);
    } catch (error) {
      log.warning('counters not written', { path, reason: toFailure(error).message });
    }
  }

  private write(): void {
    this.timer = undefined;
    this.writtenMs = this.options.clock.monotonicMs();
    if (!this.isClosed) this.replace();
  }

  /** One at a time: a slow disk must not see them overtake each other. */
  private replace(): void {
    const { path, collect, log } = this.options;
    this.writing = this.writing
      .then(() =>
        this.isClosed ? undefined : replaceFile(path, formatAgentMetrics(collect(undefined)), () => !this.isClosed),
      )
      .then(
        () => {
          this.hasFailed = false;
        },
        (error: unknown) => {
          if (!this.hasFailed) log.warning('counters not written', { path, reason: toFailure(error).message });
          this.hasFailed = true;
        },
      );
  }
}

/** What an agent before this one has counted; undefined where nobody did, or nobody can read it. Reads a small file at once. */
export function readEarlierMetrics(path: string): AgentMetrics | undefined {
  try {
    return parseAgentMetrics(readFileSync(path, 'utf8'));
  } catch {
    // Counting begins anew, and the file says since when.
    return undefined;
  }
}

function partOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(8).toString('hex')}.part`);
}

async function replaceFile(path: string, content: string, isWanted: () => boolean): Promise<void> {
  const part = partOf(path);
  try {
    await writeFile(part, content, { mode: 0o600, flag: 'wx' });
    if (isWanted()) await rename(part, path);
    else await rm(part, { force: true });
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}
