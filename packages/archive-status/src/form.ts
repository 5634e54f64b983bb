import type { Clock } from '@archive2/core/base/clock.ts';
import type { Log } from '@archive2/core/base/log.ts';
import type { CommandSpec } from '@archive2/core/cli/command-spec.ts';
import type { Layout } from '@archive2/core/cli/terminal.ts';
import type { StatusGatherer } from './gather/status-gatherer.ts';

/** One thing that the command does: the table, or `archive-status check | serve | events`. */
export interface Form {
  spec: CommandSpec;
  /** Resolves with the exit status. */
  run(call: Call): Promise<number>;
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
  clock: Clock;
  /** Messages, on stderr. */
  log: Log;
  /** Results, on stdout. */
  print(text: string): Promise<void>;
  /** For the clusters that the options, or the configuration file, name. Throws Failure `usage`, also where there are none. */
  openGatherer(): Promise<StatusGatherer>;
}
