import { toFailure } from '@archive2/core/base/failure.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import { keyOrSignal } from '@archive2/core/cli/key-or-signal.ts';
import { optionalText, wholeNumber } from '@archive2/core/cli/option-values.ts';
import { eventObject, type RecordedEvent } from '@archive2/core/files/event-text.ts';
import type { Call, Form } from '../form.ts';
import { formSpec } from '../form-spec.ts';
import { parseAge } from '../settings/limits.ts';
import { type EventFilter, eventFilter, filterOptions } from './event-filter.ts';
import { type EventSource, openEventSources } from './event-sources.ts';
import { formatEventLine } from './format-event.ts';
import { mergeEvents, NewEvents } from './merge-events.ts';

/** Between two looks of --follow. */
const followMs = 2000;
/** What one log gives at a time; filters choose among these. */
const readAtOnce = 10_000;

export const events: Form = {
  spec: formSpec({
    summary: 'What happened: hosts that failed and came back, debts, conflicts, damage, backups, on all machines.',
    usage: [
      'events [--since 2h] [--severity warning] [--event NAMES] [--cluster NAME] [--json] [--follow]',
      'events --cluster-dir DIR      on an archive host without a configuration file',
    ],
    options: {
      since: { type: 'string', describe: 'none older than this: 90s, 30min, 2h, 7d' },
      newest: { type: 'string', default: '100', describe: 'at most so many' },
      ...filterOptions,
      json: { type: 'boolean', default: false, describe: 'a JSON object on each line: see docs/events.md' },
      follow: { type: 'boolean', default: false, describe: 'then wait for more; q ends it' },
      local: { type: 'boolean', default: false, describe: 'only the logs of this machine' },
    },
    exitStatus: [
      ['0', 'shown'],
      ['2', 'wrong usage or configuration'],
      ['3-125', 'a log could not be read; what the others have is shown, and a message names it'],
    ],
    examples: [
      ['archive-status events --since 2h --severity warning', 'what was not as it should be'],
      ['archive-status events --follow --json | jq .event', 'as it happens'],
    ],
  }),
  run,
};

/** How events are chosen and shown. */
interface View {
  filter: EventFilter;
  newest: number;
  sinceMs: number | undefined;
  format: (event: RecordedEvent) => string;
}

async function run(call: Call): Promise<number> {
  const { words, options, clock, layout, timeZone } = call;
  if (words.length > 0) throw usageFailure(events.spec, `${JSON.stringify(words[0])} is not known`);
  const since = optionalText(options, 'since');
  const view: View = {
    filter: eventFilter(options),
    newest: wholeNumber(options, 'newest', 1, readAtOnce),
    sinceMs: since === undefined ? undefined : clock.nowMs() - parseAge(since, '--since'),
    format: options['json'] === true ? jsonLine : (event) => formatEventLine(event, timeZone, layout),
  };
  const sources = await openEventSources(call);
  try {
    return options['follow'] === true ? await follow(call, sources, view) : (await show(call, sources, view)).status;
  } finally {
    await Promise.all(sources.map((source) => source.close()));
  }
}

async function show(call: Call, sources: readonly EventSource[], view: View, silent: Silent = new Set()) {
  const { filter, newest, sinceMs } = view;
  // Read with room: what a filter leaves out must not stand in the place of what it lets through.
  const query = { newest: readAtOnce, ...(sinceMs === undefined ? {} : { sinceMs }) };
  const { found, status } = await readAll(call, sources, silent, query);
  const shown = found.filter(filter).slice(-newest);
  await print(call, view, shown);
  return { found, status };
}

async function follow(call: Call, sources: readonly EventSource[], view: View): Promise<number> {
  const end = keyOrSignal('q');
  try {
    const fresh = new NewEvents(call.clock.nowMs());
    const silent: Silent = new Set();
    fresh.take((await show(call, sources, view, silent)).found);
    for (;;) {
      await call.clock.sleep(followMs, end.signal);
      if (end.signal.aborted) return 0;
      const { found } = await readAll(call, sources, silent, { newest: readAtOnce, sinceMs: fresh.sinceMs });
      await print(call, view, fresh.take(found).filter(view.filter));
    }
  } finally {
    end.restore();
  }
}

/** Logs that could not be read, and that was told. */
type Silent = Set<EventSource>;

/** All logs at once. One that cannot be read is told once, and the others are shown; the status is that of its failure. */
async function readAll(
  { log }: Call,
  sources: readonly EventSource[],
  silent: Silent,
  query: { newest: number; sinceMs?: number },
): Promise<{ found: RecordedEvent[]; status: number }> {
  let status = 0;
  const logs = await Promise.all(
    sources.map(async (source) => {
      try {
        const read = await source.read(query);
        silent.delete(source);
        return read;
      } catch (error) {
        const failure = toFailure(error);
        if (!silent.has(source)) log.warning('events not known', { of: source.name, reason: failure.message });
        silent.add(source);
        status = failure.exit;
        return [];
      }
    }),
  );
  return { found: mergeEvents(logs), status };
}

async function print(call: Call, { format }: View, shown: readonly RecordedEvent[]): Promise<void> {
  if (shown.length > 0) await call.print(`${shown.map(format).join('\n')}\n`);
}

function jsonLine(event: RecordedEvent): string {
  return JSON.stringify(eventObject(event));
}
