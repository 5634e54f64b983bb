import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@archive2/core/base/clock.ts';
import { createLog } from '@archive2/core/base/log.ts';
import { appendLines } from '@archive2/core/files/event-file.ts';
import { readNewestEvents } from '@archive2/core/files/event-reader.ts';
import { formatEvent, type RecordedEvent } from '@archive2/core/files/event-text.ts';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Notification } from '../../../packages/archive-status/src/events/notify/notification.ts';
import { Notifier } from '../../../packages/archive-status/src/events/notify/notifier.ts';
import { dueAtMs } from '../../../packages/archive-status/src/events/notify/notify-pace.ts';
import { parseNotifyState, readNotifyState } from '../../../packages/archive-status/src/events/notify/notify-state.ts';
import { runHook } from '../../../packages/archive-status/src/events/notify/run-hook.ts';
import { temporaryDirectory } from '../files/temporary-directory.ts';

function eventOf(n: number, changes: Partial<RecordedEvent> = {}): RecordedEvent {
  const base = {
    atMs: 1_760_000_000_000 + n,
    event: 'conflict',
    severity: 'error' as const,
    cluster: 'main',
    on: 'a1',
  };
  return { ...base, facts: { n }, ...changes };
}

/** A log, and a notifier of it whose deliveries end as the test says. */
class Watched {
  readonly directory = temporaryDirectory();
  readonly log = join(this.directory, 'events.jsonl');
  readonly statePath = join(this.directory, 'notify-default.json');
  readonly delivered: unknown[][] = [];
  readonly lines: string[] = [];
  problem: string | undefined;

  async write(...events: RecordedEvent[]): Promise<void> {
    await appendLines(this.log, events.map(formatEvent).join(''), { durable: false });
  }

  async start(maxFailures = 3): Promise<Notifier> {
    const given = {
      logs: [this.log],
      filter: ({ severity }: RecordedEvent) => severity !== 'info',
      statePath: this.statePath,
      deliver: async (notification: Notification) => {
        const { events } = JSON.parse(notification.json('db1')) as { events: { n?: number; event: string }[] };
        this.delivered.push(events.map(({ n, event }) => n ?? event));
        return this.problem;
      },
      maxFailures,
      clock: systemClock,
      log: createLog((line) => this.lines.push(line)),
    };
    return await Notifier.open(given, await readNotifyState(this.statePath));
  }
}

async function once(notifier: Notifier): Promise<string> {
  await notifier.gather();
  return await notifier.deliver();
}

describe('a notifier', () => {
  test('tells what comes after its first start, each event once, over restarts', async () => {
    const watched = new Watched();
    await watched.write(eventOf(0));
    let notifier = await watched.start();
    expect(await once(notifier)).toBe('nothing');
    await watched.write(eventOf(1), eventOf(2, { severity: 'info' }), eventOf(3));
    expect(await once(notifier)).toBe('delivered');
    await watched.write(eventOf(4));
    notifier = await watched.start();
    expect(await once(notifier)).toBe('delivered');
    expect(await once(notifier)).toBe('nothing');
    expect(watched.delivered).toEqual([[1, 3], [4]]);
  });

  test('killed after its command ran and before it noted that, tells again: at least once', async () => {
    const watched = new Watched();
    const first = await watched.start();
    const before = readFileSync(watched.statePath);
    await watched.write(eventOf(1));
    await once(first);
    writeFileSync(watched.statePath, before);
    await once(await watched.start());
    expect(watched.delivered).toEqual([[1], [1]]);
  });

  test('tries a failed batch again, with what came meanwhile, also after a restart', async () => {
    const watched = new Watched();
    let notifier = await watched.start();
    watched.problem = 'status 1';
    await watched.write(eventOf(1));
    expect(await once(notifier)).toBe('failed');
    await watched.write(eventOf(2));
    notifier = await watched.start();
    expect(notifier.failures).toBe(1);
    expect(await once(notifier)).toBe('failed');
    watched.problem = undefined;
    expect(await once(notifier)).toBe('delivered');
    expect(watched.delivered).toEqual([[1], [1, 2], [1, 2]]);
    expect(notifier.failures).toBe(0);
  });

  test('gives a batch up after so many failures, says so in the log, and does not fail over that forever', async () => {
    const watched = new Watched();
    const notifier = await watched.start(2);
    watched.problem = 'status 1';
    await watched.write(eventOf(1));
    expect([await once(notifier), await once(notifier)]).toEqual(['failed', 'given-up']);
    const said = await readNewestEvents(watched.log, { newest: 1 });
    expect(said[0]).toMatchObject({ event: 'notify-failed', facts: { count: 1, reason: 'status 1' } });
    expect([await once(notifier), await once(notifier), await once(notifier)]).toEqual([
      'failed',
      'given-up',
      'nothing',
    ]);
    watched.problem = undefined;
    await watched.write(eventOf(5));
    expect(await once(notifier)).toBe('delivered');
    expect(watched.delivered.at(-1)).toEqual([5]);
  });

  test('that was away for longer than the log goes back tells that there is a gap', async () => {
    const watched = new Watched();
    await watched.write(eventOf(0));
    const notifier = await watched.start();
    for (const n of [1, 2, 3]) {
      await watched.write(eventOf(n));
      renameSync(watched.log, `${watched.log}.1`);
    }
    await watched.write(eventOf(4));
    await once(notifier);
    expect(watched.delivered[0]).toContain('events-lost');
    expect(watched.delivered[0]).toContain(4);
  });

  test('whose place cannot be written does not tell again in its life', async () => {
    const watched = new Watched();
    const notifier = await watched.start();
    await watched.write(eventOf(1));
    renameSync(watched.statePath, join(watched.directory, 'elsewhere'));
    // A directory in the place of the file: the rename fails, as a full disk would.
    mkdirSync(join(watched.statePath, 'full'), { recursive: true });
    expect(await once(notifier)).toBe('delivered');
    expect(await once(notifier)).toBe('nothing');
    expect(watched.lines.join()).toContain('place not kept');
  });
});

describe('what is told', () => {
  test('of ten thousand conflicts is fifty, and how many there were', () => {
    const notification = new Notification();
    for (let n = 0; n < 10_000; n++) notification.add(eventOf(n));
    notification.add(eventOf(20_000, { event: 'host-failed', severity: 'warning' }));
    const told = JSON.parse(notification.json('a1')) as { events: unknown[] };
    expect(told).toMatchObject({
      version: 1,
      severity: 'error',
      count: 10_001,
      omitted: 9951,
      counts: { conflict: 10_000, 'host-failed': 1 },
      subject: 'a1: main: error: conflict and 10000 more',
    });
    expect(told.events).toHaveLength(50);
    expect(notification.text('UTC').split('\n').at(-2)).toBe(
      '9951 more are not shown. All 10001: conflict 10000, host-failed 1',
    );
  });

  test('the gravest come first into what is told, and are told by time', () => {
    const notification = new Notification();
    for (let n = 0; n < 60; n++) notification.add(eventOf(n, { event: 'host-back', severity: 'info' }));
    notification.add(eventOf(100));
    const { events } = JSON.parse(notification.json('a1')) as { events: { event: string }[] };
    expect(events.at(-1)?.event).toBe('conflict');
  });

  test('whatever the events hold, the subject is one line of plain characters, and the text has no controls', () => {
    const hostile = fc.record({
      event: fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }),
      cluster: fc.string({ unit: 'binary', maxLength: 300 }),
      on: fc.string({ unit: 'binary', maxLength: 300 }),
      fact: fc.string({ unit: 'binary', maxLength: 300 }),
      name: fc.string({ unit: 'binary', maxLength: 100 }),
    });
    fc.assert(
      fc.property(fc.array(hostile, { minLength: 1, maxLength: 5 }), (found) => {
        const notification = new Notification();
        for (const { event, cluster, on, fact, name } of found) {
          notification.add(eventOf(0, { event, cluster, on, facts: { [name]: fact } }));
        }
        expect(notification.subject('a\u001b1')).toMatch(/^[\x20-\x7e]*$/);
        const text = notification.text('UTC');
        // oxlint-disable-next-line no-control-regex
        expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/);
        expect(text.trim().split('\n')).toHaveLength(found.length);
      }),
    );
  });

  test('a state that is none is no state', () => {
    for (const bad of ['', '{}', '[]', '{"version":2,"cursors":{}}', '{"version":1}']) {
      expect(parseNotifyState(bad), bad).toBeUndefined();
    }
    const odd = '{"version":1,"failures":-1,"cursors":{"/a":{"head":"x","offset":3},"/b":{"head":1},"/c":null}}';
    expect(parseNotifyState(odd)).toEqual({ failures: 0, cursors: new Map([['/a', { head: 'x', offset: 3 }]]) });
  });
});

describe('the pace', () => {
  const pace = { settleMs: 3000, everyMs: 60_000 };

  test('waits for what belongs together, and between two runs', () => {
    expect(dueAtMs(pace, 1000, Number.NEGATIVE_INFINITY, 0)).toBe(4000);
    expect(dueAtMs(pace, 1000, 500, 0)).toBe(60_500);
    expect(dueAtMs(pace, 100_000, 500, 0)).toBe(103_000);
  });

  test('waits longer after each failure, up to ten minutes', () => {
    const waits = [1, 2, 3, 4, 5, 50].map((failures) => dueAtMs(pace, 0, 10_000, failures) - 10_000);
    expect(waits).toEqual([5000, 15_000, 60_000, 180_000, 600_000, 600_000]);
  });
});

describe('the command', () => {
  const hookOf = (command: string, timeoutMs = 10_000) => {
    const directory = temporaryDirectory();
    const environment = { PATH: process.env['PATH'], SECRET: 'x', BUN_OPTIONS: 'y', HOME: '/' };
    return { command, timeoutMs, directory, environment, clock: systemClock };
  };
  const never = new AbortController().signal;

  test('has the text on its stdin, whole, its words in the environment, and no secret of ours', async () => {
    const hook = hookOf('cat >out; env >env; echo "$ARCHIVE2_SUBJECT" >subject');
    const command = `cd '${hook.directory}' && { ${hook.command}; }`;
    const text = `${'x'.repeat(3_000_000)}\n`;
    const variables = { ARCHIVE2_SUBJECT: `it's "$(id)"; rm -rf` };
    expect(await runHook({ ...hook, command }, { text, variables }, never)).toBeUndefined();
    expect(readFileSync(join(hook.directory, 'out'), 'utf8')).toBe(text);
    expect(readFileSync(join(hook.directory, 'subject'), 'utf8')).toBe(`${variables.ARCHIVE2_SUBJECT}\n`);
    expect(readFileSync(join(hook.directory, 'env'), 'utf8')).not.toMatch(/SECRET|BUN_OPTIONS/);
    expect(readdirSync(hook.directory).sort()).toEqual(['env', 'out', 'subject']);
  });

  test('that does not read is no failure; one that fails says why', async () => {
    const text = 'x'.repeat(3_000_000);
    expect(await runHook(hookOf('true'), { text, variables: {} }, never)).toBeUndefined();
    const why = await runHook(hookOf('echo no route to mail >&2; exit 3'), { text, variables: {} }, never);
    expect(why).toBe('status 3; no route to mail');
    expect(await runHook(hookOf('no-such-program-here'), { text, variables: {} }, never)).toContain('status 127');
  });

  test('that hangs is ended with all that it started', async () => {
    const hook = hookOf('', 300);
    const command = `(trap '' TERM; exec sleep 600) & echo $! >'${hook.directory}/pid'; sleep 600`;
    const why = await runHook({ ...hook, command }, { text: '', variables: {} }, never);
    expect(why).toContain('not done after 0.3 s');
    const pid = Number(readFileSync(join(hook.directory, 'pid'), 'utf8'));
    await expect.poll(() => isThere(pid)).toBe(false);
    expect(readdirSync(hook.directory)).toEqual(['pid']);
  });

  test('is ended with us', async () => {
    const stop = new AbortController();
    const running = runHook(hookOf('sleep 600'), { text: '', variables: {} }, stop.signal);
    stop.abort();
    expect(await running).toContain('ended with us');
  });
});

/** A dead one that nobody has looked at is not there. */
function isThere(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}
