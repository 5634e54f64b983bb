import { appendFileSync, readFileSync, renameSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '@archive2/core/base/clock.ts';
import { systemClock } from '@archive2/core/base/clock.ts';
import { createLog } from '@archive2/core/base/log.ts';
import { beforeFirstEvent, cursorAtEnd, type EventCursor, readEventsAfter } from '@archive2/core/files/event-cursor.ts';
import { appendLines } from '@archive2/core/files/event-file.ts';
import { EventLog } from '@archive2/core/files/event-log.ts';
import { readNewestEvents } from '@archive2/core/files/event-reader.ts';
import { formatEvent, parseEvent, type RecordedEvent } from '@archive2/core/files/event-text.ts';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'events-'));
  path = join(directory, 'events.jsonl');
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

const eventAt = (atMs: number, facts: RecordedEvent['facts'] = {}): RecordedEvent => {
  return { atMs, event: 'host-failed', severity: 'warning', cluster: 'main', on: 'db1', facts };
};

const numbersOf = (events: readonly RecordedEvent[]) => events.map(({ facts }) => facts['n']);

function logOf(clock: Clock = systemClock, lines: string[] = []): EventLog {
  return new EventLog({ path, cluster: 'main', clock, log: createLog((line) => lines.push(line)) });
}

/** A clock that stands. */
const standing: Clock = { nowMs: () => 1_760_000_000_000, monotonicMs: () => 0, sleep: (ms) => systemClock.sleep(ms) };

async function appendNumbers(from: number, to: number, padding = ''): Promise<void> {
  let lines = '';
  for (let n = from; n < to; n++) lines += formatEvent(eventAt(1_760_000_000_000 + n, { n, padding }));
  await appendLines(path, lines, { durable: false });
}

describe('a line', () => {
  const fact = fc.oneof(fc.string({ unit: 'binary', maxLength: 100 }), fc.integer(), fc.boolean(), fc.constant(null));

  test('whatever the facts are, it is one line, and says them again', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ minLength: 7, maxLength: 20 }), fact, { maxKeys: 20 }), (facts) => {
        const event = eventAt(1_760_000_000_000, { ...facts });
        const line = formatEvent(event);
        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect(parseEvent(line.slice(0, -1))).toEqual(JSON.parse(JSON.stringify(event)));
      }),
    );
  });

  test('a fact cannot pass for one of the fields that all events have', () => {
    const line = formatEvent(
      eventAt(0, { at: 'never', event: 'all-is-well', severity: 'info', on: 'elsewhere', v: 9 }),
    );
    expect(parseEvent(line)).toEqual(eventAt(0));
  });

  test('long texts are cut, and of very many facts the first are kept', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`fact${index}`, 'x'.repeat(5000)]));
    const line = formatEvent(eventAt(0, many));
    expect(line.length).toBeLessThan(40_000);
    expect(Object.keys(parseEvent(line)?.facts ?? {})).toHaveLength(32);
  });

  test('one of an older release is read, with the severity of its event', () => {
    const line = '{"at":"2026-11-21T10:00:00.000Z","event":"conflict","name":"00000001.history"}';
    expect(parseEvent(line)).toEqual({
      atMs: Date.parse('2026-11-21T10:00:00Z'),
      event: 'conflict',
      severity: 'error',
      cluster: undefined,
      on: undefined,
      facts: { name: '00000001.history' },
    });
  });

  test('half a line, another version, a date that is none and other JSON are no events', () => {
    const line = formatEvent(eventAt(0)).trim();
    const bad = [
      '',
      line.slice(0, -3),
      line.replace('"v":1', '"v":2'),
      line.replace('1970', 'x'),
      '[]',
      '1',
      'null',
      '{}',
    ];
    for (const each of bad) expect(parseEvent(each), each).toBeUndefined();
    fc.assert(fc.property(fc.string(), (text) => parseEvent(text) === undefined || text.startsWith('{')));
  });
});

describe('writing', () => {
  test('what is noted is there, in order, with who and where', async () => {
    const log = logOf();
    for (let n = 0; n < 100; n++) log.note({ event: 'host-back', n, left: undefined });
    await log.settled();
    const events = await readNewestEvents(path, { newest: 1000 });
    expect(numbersOf(events)).toEqual(Array.from({ length: 100 }, (_, n) => n));
    expect(events[0]).toMatchObject({ event: 'host-back', severity: 'info', cluster: 'main' });
    expect(events[0]?.on).toBeTypeOf('string');
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('a flood is bounded, and how much is missing is told when there is room again', async () => {
    let nowMs = 0;
    const log = logOf({ ...standing, monotonicMs: () => nowMs });
    for (let n = 0; n < 10_000; n++) log.note({ event: 'conflict', n });
    await log.settled();
    expect((await readNewestEvents(path, { newest: 100_000 })).length).toBe(200);
    nowMs = 5000;
    log.note({ event: 'conflict', n: 10_000 });
    await log.settled();
    const last = (await readNewestEvents(path, { newest: 2 })).map(({ event, facts }) => [event, facts]);
    expect(last).toEqual([
      ['events-lost', { count: 9800 }],
      ['conflict', { n: 10_000 }],
    ]);
  });

  test('a log that cannot be written costs one line, never an error, and is gone on with when it can', async () => {
    const lines: string[] = [];
    const log = logOf(systemClock, lines);
    await rm(directory, { recursive: true });
    for (let n = 0; n < 3; n++) {
      log.note({ event: 'host-failed', n });
      await log.settled();
    }
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('events not written');
    directory = await mkdtemp(join(tmpdir(), 'events-'));
    renameSync(directory, join(path, '..'));
    directory = join(path, '..');
    log.note({ event: 'host-back' });
    await log.settled();
    expect((await readNewestEvents(path, { newest: 10 })).map(({ event }) => event)).toEqual([
      'events-lost',
      'host-back',
    ]);
  });

  test('what a full disk tore off spoils no other line', async () => {
    await appendNumbers(0, 2);
    appendFileSync(path, '{"v":1,"at":"2026-11-');
    await appendNumbers(2, 4);
    expect(numbersOf(await readNewestEvents(path, { newest: 10 }))).toEqual([0, 1, 2, 3]);
  });

  test('beyond 10 MiB the file gets another name, and the one before that is gone', async () => {
    const padding = 'x'.repeat(900);
    for (let n = 0; n < 35_000; n += 1000) await appendNumbers(n, n + 1000, padding);
    expect(statSync(path).size).toBeLessThan(12 * 1024 * 1024);
    expect(statSync(`${path}.1`).size).toBeLessThan(12 * 1024 * 1024);
    expect(statSync(path).size + statSync(`${path}.1`).size).toBeGreaterThan(10 * 1024 * 1024);
    // The two files are one log for readers.
    const newest = numbersOf(await readNewestEvents(path, { newest: 12_000 }));
    expect(newest).toEqual(Array.from({ length: 12_000 }, (_, index) => index + 23_000));
  });

  test('twenty writers at once lose nothing when the file gets its other name', async () => {
    await appendNumbers(0, 10_800, 'x'.repeat(900));
    const size = statSync(path).size;
    expect(size).toBeGreaterThan(10 * 1024 * 1024);
    await Promise.all(Array.from({ length: 20 }, (_, index) => appendNumbers(20_000 + index, 20_001 + index)));
    expect(statSync(`${path}.1`).size).toBeGreaterThanOrEqual(size);
    const newest = numbersOf(await readNewestEvents(path, { newest: 20 }));
    expect(new Set(newest)).toEqual(new Set(Array.from({ length: 20 }, (_, index) => 20_000 + index)));
  });
});

describe('reading the newest', () => {
  test('however lines fall on blocks, they are what reading from the front gives', async () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 1, maxLength: 1500 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 1, max: 2000 }), async (paddings, newest) => {
        writeFileSync(
          path,
          paddings.map((size, n) => formatEvent(eventAt(n, { n, padding: 'é'.repeat(size) }))).join(''),
        );
        const all = paddings.map((_, n) => n);
        expect(numbersOf(await readNewestEvents(path, { newest }))).toEqual(all.slice(-newest));
      }),
      { numRuns: 20 },
    );
  });

  test('since when, and which, are told', async () => {
    await appendNumbers(0, 100);
    const odd = ({ facts }: RecordedEvent) => Number(facts['n']) % 2 === 1;
    const found = await readNewestEvents(path, { newest: 5, sinceMs: 1_760_000_000_090, matches: odd });
    expect(numbersOf(found)).toEqual([91, 93, 95, 97, 99]);
    expect(await readNewestEvents(path, { newest: 0 })).toEqual([]);
  });

  test('lines of writers whose clocks differ by minutes are found; far older ones end the search', async () => {
    const [hour, minute] = [3_600_000, 60_000];
    const times = [0, 10 * hour, 10 * hour - 5 * minute, 10 * hour + 1];
    writeFileSync(path, times.map((atMs, n) => formatEvent(eventAt(atMs, { n }))).join(''));
    expect(numbersOf(await readNewestEvents(path, { newest: 9, sinceMs: 10 * hour }))).toEqual([1, 3]);
  });

  test('without a log there are no events; one that cannot be read is an error', async () => {
    expect(await readNewestEvents(path, { newest: 9 })).toEqual([]);
    await chmod(directory, 0o700);
    await expect(readNewestEvents(directory, { newest: 9 })).rejects.toThrow('EISDIR');
  });
});

describe('a cursor', () => {
  async function readAll(from: EventCursor, limit: number) {
    const numbers: unknown[] = [];
    let gaps = 0;
    let cursor = from;
    for (;;) {
      const after = await readEventsAfter(path, cursor, limit);
      numbers.push(...numbersOf(after.events));
      gaps += after.hasGap ? 1 : 0;
      cursor = after.cursor;
      if (after.isAtEnd) return { numbers, gaps, cursor };
    }
  }

  test('reads each event once, however many at a time, over the change of the file’s name', async () => {
    let cursor = beforeFirstEvent;
    const seen: unknown[] = [];
    for (let n = 0; n < 30; n++) {
      await appendNumbers(n * 100, n * 100 + 100);
      if (n % 7 === 3) {
        const part = await readAll(cursor, 33);
        seen.push(...part.numbers);
        cursor = part.cursor;
      }
      if (n % 7 === 5) renameSync(path, `${path}.1`);
    }
    const rest = await readAll(cursor, 7);
    expect([...seen, ...rest.numbers]).toEqual(Array.from({ length: 3000 }, (_, index) => index));
    expect(rest.gaps).toBe(0);
  });

  test('says that there is a gap when its file is gone, and goes on with what is there', async () => {
    await appendNumbers(0, 10);
    const cursor = await cursorAtEnd(path);
    await appendNumbers(10, 20);
    renameSync(path, `${path}.1`);
    await appendNumbers(20, 30);
    renameSync(path, `${path}.1`);
    await appendNumbers(30, 40);
    const { numbers, gaps } = await readAll(cursor, 100);
    expect(numbers).toEqual(Array.from({ length: 20 }, (_, index) => 20 + index));
    expect(gaps).toBe(1);
  });

  test('waits for the rest of half a line', async () => {
    await appendNumbers(0, 3);
    const whole = statSync(path).size;
    await appendNumbers(3, 4);
    const line = readFileSync(path).subarray(whole);
    truncateSync(path, whole);
    appendFileSync(path, line.subarray(0, 20));
    const first = await readAll(beforeFirstEvent, 10);
    expect(first.numbers).toEqual([0, 1, 2]);
    appendFileSync(path, line.subarray(20));
    expect((await readAll(first.cursor, 10)).numbers).toEqual([3]);
  });

  test('on an empty log it is before the first event', async () => {
    expect(await cursorAtEnd(path)).toEqual(beforeFirstEvent);
    const none = await readEventsAfter(path, beforeFirstEvent, 10);
    expect(none).toEqual({ events: [], cursor: beforeFirstEvent, isAtEnd: true, hasGap: false });
    logOf(standing, []).note({ event: 'host-back', n: 1 });
    await expect.poll(async () => (await readAll(none.cursor, 10)).numbers).toEqual([1]);
  });
});
