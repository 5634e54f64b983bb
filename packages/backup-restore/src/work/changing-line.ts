import type { Clock } from '@archive2/core/base/clock.ts';
import type { Log } from '@archive2/core/base/log.ts';

const logEveryMs = 60_000;

/** One line that changes on a terminal, else a line a minute in the log. */
export class ChangingLine {
  private readonly stream: { isTTY?: boolean; write: (text: string) => unknown };
  private readonly clock: Clock;
  private readonly log: Log;
  private loggedMs: number | undefined;
  private isOpen = false;

  constructor(stream: { isTTY?: boolean; write: (text: string) => unknown }, clock: Clock, log: Log) {
    this.stream = stream;
    this.clock = clock;
    this.log = log;
  }

  show(text: string): void {
    const nowMs = this.clock.monotonicMs();
    this.loggedMs ??= nowMs;
    if (this.stream.isTTY === true) {
      this.stream.write(`\r\x1b[K${text}`);
      this.isOpen = true;
    } else if (nowMs - this.loggedMs >= logEveryMs) {
      this.loggedMs = nowMs;
      this.log.info(text);
    }
  }

  end(): void {
    if (this.isOpen) this.stream.write('\r\x1b[K');
    this.isOpen = false;
  }
}
