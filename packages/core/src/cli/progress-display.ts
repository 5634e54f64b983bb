import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Progress } from '../queue/task.ts';
import { formatProgress } from './format-progress.ts';

const logEveryMs = 60_000;

/** Shows how far some work is: one line that changes on a terminal, else a line a minute in the log. */
export class ProgressDisplay {
  private readonly stream: { isTTY?: boolean; write: (text: string) => unknown };
  private readonly clock: Clock;
  private readonly log: Log;
  private readonly what: string;
  private begunMs: number | undefined;
  private loggedMs = 0;
  private isLineOpen = false;

  /** `what` goes before it in the log: "base backup". */
  constructor(stream: { isTTY?: boolean; write: (text: string) => unknown }, clock: Clock, log: Log, what: string) {
    this.what = what;
    this.stream = stream;
    this.clock = clock;
    this.log = log;
  }

  show(progress: Progress): void {
    const nowMs = this.clock.monotonicMs();
    if (this.begunMs === undefined) {
      this.begunMs = nowMs;
      this.loggedMs = nowMs;
    }
    const text = formatProgress({ ...progress, elapsedMs: nowMs - this.begunMs });
    if (this.stream.isTTY === true) {
      this.stream.write(`\r\x1b[K${text}`);
      this.isLineOpen = true;
    } else if (nowMs - this.loggedMs >= logEveryMs) {
      this.loggedMs = nowMs;
      this.log.info(`${this.what}: ${text}`);
    }
  }

  /** Ends the line, so that what is written next has one of its own. What is shown after it begins anew. */
  end(): void {
    if (this.isLineOpen) this.stream.write('\r\x1b[K');
    this.isLineOpen = false;
    this.begunMs = undefined;
  }
}
