import { isEventName } from '@archive2/core/base/event-table.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import type { CommandSpec } from '@archive2/core/cli/command-spec.ts';
import { optionalText } from '@archive2/core/cli/option-values.ts';
import { isAtLeast, isSeverity, type RecordedEvent } from '@archive2/core/files/event-text.ts';
import { listOf } from '../settings/watched-cluster.ts';

/** Which events are wanted. */
export type EventFilter = (event: RecordedEvent) => boolean;

/** The options of `events` and `notify` that choose. */
export const filterOptions: CommandSpec['options'] = {
  event: { type: 'string', describe: 'only these, with commas: host-failed,conflict (docs/events.md has all)' },
  severity: { type: 'string', describe: 'only those of info, warning or error, and graver ones' },
};

/** An event without a cluster is everybody's. Throws Failure `usage` for what no event could ever be. */
export function eventFilter(options: Record<string, unknown>): EventFilter {
  const severity = optionalText(options, 'severity') ?? 'info';
  if (!isSeverity(severity)) {
    throw new Failure('usage', `--severity ${JSON.stringify(severity)} is none of info, warning, error`);
  }
  const names = listOf(optionalText(options, 'event') ?? '');
  const wrong = names.find((name) => !isEventName(name));
  if (wrong !== undefined) {
    throw new Failure('usage', `--event: ${JSON.stringify(wrong)} is no event`, {
      hint: 'docs/events.md has them all.',
    });
  }
  const cluster = optionalText(options, 'cluster');
  return (event) =>
    isAtLeast(event.severity, severity) &&
    (names.length === 0 || names.includes(event.event)) &&
    (cluster === undefined || event.cluster === undefined || event.cluster === cluster);
}
