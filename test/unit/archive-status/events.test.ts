import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@archive2/core/base/clock.ts';
import { createLog } from '@archive2/core/base/log.ts';
import { parseArguments } from '@archive2/core/cli/arguments.ts';
import { appendLines } from '@archive2/core/files/event-file.ts';
import { formatEvent, type RecordedEvent } from '@archive2/core/files/event-text.ts';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eventFilter } from '../../../packages/archive-status/src/events/event-filter.ts';
import { formatEventLine } from '../../../packages/archive-status/src/events/format-event.ts';
import { mergeEvents, NewEvents } from '../../../packages/archive-status/src/events/merge-events.ts';
import { events } from '../../../packages/archive-status/src/events/run-events.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { temporaryDirectory } from '../files/temporary-directory.ts';

const nowMs = Date.parse('2026-11-21T12:00:00Z');

function eventOf(agoMs: number, changes: Partial<RecordedEvent> = {}): RecordedEvent {
  const base = { event: 'host-failed', severity: 'warning' as const, cluster: 'main', on: 'db1' };
  return { atMs: nowMs - agoMs, ...base, facts: { host: 'archive@arch1', reason: 'connection refused' }, ...changes };
}

/** A machine with an agents' log and a cluster directory; `show` is the command there. */
class Machine {
  readonly directory = temporaryDirectory();
  readonly lines: string[] = [];

  constructor() {
    mkdirSync(join(this.directory, 'main/state'), { recursive: true });
  }

  async server(...told: RecordedEvent[]): Promise<void> {
    await appendLines(join(this.directory, 'events.jsonl'), told.map(formatEvent).join(''), { durable: false });
  }

  async archive(...told: RecordedEvent[]): Promise<void> {
    const path = join(this.directory, 'main/state/events.jsonl');
    await appendLines(path, told.map(formatEvent).join(''), { durable: false });
  }

  async show(...args: string[]): Promise<string[]> {
    let output = '';
    const { words, options } = await parseArguments(events.spec, ['--local', `--state-dir=${this.directory}`, ...args]);
    const status = await events.run({
      words,
      options,
      environment: {},
      layout: { width: undefined, colours: false },
      timeZone: 'UTC',
      clock: { ...systemClock, nowMs: () => nowMs, monotonicMs: () => 0, sleep: async () => undefined },
      log: createLog((line) => this.lines.push(line)),
      print: async (text) => {
        output += text;
      },
      openGatherer: () => Promise.reject(new Error('nothing is gathered')),
    });
    expect(status).toBe(this.lines.length === 0 ? 0 : 70);
    return output.split('\n').slice(0, -1);
  }
}

describe('archive-status events', () => {
  test('shows both logs of a machine as one, by time', async () => {
    const machine = new Machine();
    await machine.server(
      eventOf(3000),
      eventOf(1000, { event: 'host-back', severity: 'info', facts: { forSeconds: 2 } }),
    );
    const conflict = { event: 'conflict', severity: 'error' as const, on: 'a1', facts: { name: '00000002.history' } };
    await machine.archive(eventOf(2000, conflict));
    expect(await machine.show(`--cluster-dir=${machine.directory}/main`)).toEqual([
      '2026-11-21 11:59:57 db1 main warning: host-failed host=archive@arch1 reason="connection refused"',
      '2026-11-21 11:59:58 a1 main error: conflict name=00000002.history',
      '2026-11-21 11:59:59 db1 main info: host-back forSeconds=2',
    ]);
  });

  test('what is left out does not stand in the place of what is wanted', async () => {
    const machine = new Machine();
    const others = Array.from({ length: 300 }, (_, n) => eventOf(n, { event: 'host-back', severity: 'info' }));
    await machine.server(eventOf(7_300_000), eventOf(7_100_000, { cluster: 'other' }), eventOf(7_000_000), ...others);
    expect(await machine.show('--since=2h', '--severity=warning', '--cluster=main')).toHaveLength(1);
    expect(await machine.show('--severity=warning', '--newest=2')).toHaveLength(2);
    expect(await machine.show('--event=host-failed,conflict')).toHaveLength(3);
    expect(await machine.show()).toHaveLength(100);
  });

  test('for programs each line is the event as it is kept', async () => {
    const machine = new Machine();
    await machine.server(eventOf(1000));
    const [line = ''] = await machine.show('--json');
    expect(`${line}\n`).toBe(formatEvent(eventOf(1000)));
  });

  test('without any log there is nothing, and that is no error', async () => {
    expect(await new Machine().show()).toEqual([]);
  });

  test('a log that cannot be read is told, the other one is shown, and the status says so', async () => {
    const machine = new Machine();
    await machine.server(eventOf(1000));
    mkdirSync(join(machine.directory, 'main/state/events.jsonl'));
    expect(await machine.show(`--cluster-dir=${machine.directory}/main`)).toHaveLength(1);
    expect(machine.lines.join()).toContain('events not known of=');
  });

  test.each([
    ['--severity=critical', 'none of info'],
    ['--event=host-down', 'is no event'],
    ['--since=yesterday', 'a time like'],
    ['--newest=0', 'whole number'],
    ['more', 'is not known'],
  ])('%s is refused', async (arg, why) => {
    expect((await failureFrom('usage', new Machine().show(arg))).message).toContain(why);
  });
});

describe('events of many logs', () => {
  test('that two logs have are shown once', () => {
    const [a, b] = [eventOf(2000), eventOf(1000)];
    expect(mergeEvents([[a, b], [a], [b, b]])).toEqual([a, b]);
  });

  test('in looks that overlap each is new once, in whatever order they come', () => {
    const looks = fc.array(fc.array(fc.nat(500_000), { maxLength: 20 }), { maxLength: 20 });
    fc.assert(
      fc.property(looks, (given) => {
        const fresh = new NewEvents(nowMs - 500_000);
        const seen = given.flatMap((ages) => fresh.take(ages.map((ms) => eventOf(ms, { facts: { ms } }))));
        const numbers = seen.map(({ facts }) => facts['ms']);
        expect(new Set(numbers).size).toBe(numbers.length);
        expect(new Set(numbers)).toEqual(new Set(given.flat()));
      }),
    );
  });

  test('an event without a cluster is everybody’s', () => {
    const filter = eventFilter({ cluster: 'main' });
    expect(filter(eventOf(0, { cluster: undefined }))).toBe(true);
    expect(filter(eventOf(0, { cluster: 'other' }))).toBe(false);
  });
});

describe('a line for people', () => {
  const plain = { width: undefined, colours: false };

  test('shows what would act on a terminal, or turn its direction', () => {
    const facts = { '\u001b]0;x\u0007': '\u001b[2J\u001b[1;31mall is well', other: 'a\u202eb\nc' };
    const line = formatEventLine(eventOf(0, { on: 'a\u001b[31m', event: 'x\r\ny', facts }), 'UTC', plain);
    expect(line).toBe(
      '2026-11-21 12:00:00 a\\x1b[31m main warning: x\\x0d\\x0ay \\x1b]0;x\\x07="\\\\x1b[2J\\\\x1b[1;31mall is well" other="a\\u202eb\\\\x0ac"',
    );
  });

  test('has colours only where there are any', () => {
    expect(formatEventLine(eventOf(0), 'UTC', { ...plain, colours: true })).toContain('\u001b[33mwarning:\u001b[0m');
    expect(formatEventLine(eventOf(0), 'UTC', plain)).not.toContain('\u001b');
  });
});
