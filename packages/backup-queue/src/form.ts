import type { Log } from '@archive2/core/base/log.ts';
import type { CommandSpec } from '@archive2/core/cli/command-spec.ts';
import type { Layout } from '@archive2/core/cli/terminal.ts';
import type { BackupQueue } from '@archive2/core/queue/backup-queue.ts';
import type { QueueLocation } from '@archive2/core/queue/queue-location.ts';

/** One thing that the command does: `backup-queue NAME …`. */
export interface Form {
  spec: CommandSpec;
  run(call: Call): Promise<void>;
}

/** A call of a form, parsed. */
export interface Call {
  /** After the form's name. */
  words: readonly string[];
  options: Record<string, unknown>;
  environment: Readonly<Record<string, string | undefined>>;
  layout: Layout;
  /** In which times are shown. */
  timeZone: string;
  /** Messages, on stderr. */
  log: Log;
  /** Results, on stdout. */
  print(text: string): Promise<void>;
  /** Of `--queue`. Throws Failure `usage`. */
  location(): QueueLocation;
  /** Opens the queue of `--queue`, and closes it when the work has ended. */
  withQueue<T>(work: (queue: BackupQueue) => Promise<T>): Promise<T>;
}
