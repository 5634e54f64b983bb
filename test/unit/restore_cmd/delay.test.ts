import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../packages/core/src/base/clock.ts';
import { parseMoment } from '../../../packages/core/src/cli/parse-moment.ts';
import { parseArchiveFileName } from '../../../packages/core/src/wal/archive-file.ts';
import {
  type DelayControl,
  horizonMs,
  judgeSegment,
  newControl,
  pauseDelay,
  releaseDelay,
  resumeDelay,
} from '../../../packages/restore_cmd/src/delay/delay-control.ts';
import { DelayFile } from '../../../packages/restore_cmd/src/delay/delay-file.ts';
import { delayGate } from '../../../packages/restore_cmd/src/delay/delay-gate.ts';
import { nameOf } from '../archive/wal-segment.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { ManualClock } from '../session/manual-clock.ts';
import { recordedLog } from '../session/recorded-log.ts';

/** Segment n is written until minute n; the delay is an hour. */
const minute = 60_000;
const hour = 60 * minute;
const at = (minutes: number) => 1_800_000_000_000 + minutes * minute;
const segmentOf = (number: number) => ({ name: nameOf(number), modifiedMs: at(number) });
const untouched = newControl('/data', hour, at(0));

/** The last segment of a row that is delivered, when they are asked for in their order at a moment. */
function deliveredUpTo(control: DelayControl, nowMinutes: number): { last: number; control: DelayControl } {
  let now = control;
  for (let number = 1; ; number += 1) {
    const verdict = judgeSegment(now, segmentOf(number), at(nowMinutes));
    if (verdict === 'wait') return { last: number - 1, control: now };
    if (verdict === 'deliver_as_last') now = { ...now, last: segmentOf(number) };
  }
}

function released(control: DelayControl, untilMinutes: number, nowMinutes: number): DelayControl {
  const next = releaseDelay(control, at(untilMinutes), at(nowMinutes));
  if (next === undefined) throw new Error('the release was refused');
  return next;
}

describe('a delayed standby', () => {
  test('gets what is as old as the delay', () => {
    expect(deliveredUpTo(untouched, 100).last).toBe(40);
    expect(deliveredUpTo(untouched, 160).last).toBe(100);
  });

  test('that is paused gets nothing newer, and what it had again', () => {
    const paused = pauseDelay(untouched, at(100));
    for (const now of [100, 160, 5000]) expect(deliveredUpTo(paused, now).last).toBe(40);
    expect(deliveredUpTo(pauseDelay(paused, at(160)), 160).last).toBe(40);
  });

  test('that is resumed keeps its delay again', () => {
    const resumed = resumeDelay(pauseDelay(untouched, at(100)), at(130));
    expect(deliveredUpTo(resumed, 130).last).toBe(70);
    expect(resumeDelay(resumed, at(140))).toEqual(resumed);
  });

  test('that is released gets the segment that contains the moment, and nothing newer', () => {
    const halfPast = releaseDelay(untouched, at(70.5), at(100));
    if (halfPast === undefined) throw new Error('refused');
    const { last, control } = deliveredUpTo(halfPast, 100);
    expect(last).toBe(71);
    expect(control.last).toEqual(segmentOf(71));
    for (const now of [100, 160, 5000]) expect(deliveredUpTo(control, now).last).toBe(71);
  });

  test('that is released up to a segment’s last moment gets the next one too, which may begin in it', () => {
    expect(deliveredUpTo(released(untouched, 70, 100), 100).last).toBe(71);
  });

  test('that is released further gets more, and not a second segment beyond a moment that one contains', () => {
    const first = deliveredUpTo(released(untouched, 70.2, 100), 100).control;
    expect(deliveredUpTo(released(first, 70.8, 100), 100).last).toBe(71);
    expect(deliveredUpTo(released(first, 80.5, 100), 100).last).toBe(81);
  });

  test('is not released up to what has passed', () => {
    expect(releaseDelay(untouched, at(39), at(100))).toBeUndefined();
    const again = released(untouched, 70, 100);
    expect(releaseDelay(again, at(69), at(100))).toBeUndefined();
    expect(releaseDelay(resumeDelay(again, at(110)), at(69), at(110))).toBeUndefined();
  });

  test('that is resumed after a release does not lose what it got', () => {
    const { control } = deliveredUpTo(released(untouched, 70.5, 100), 100);
    const resumed = resumeDelay(control, at(100));
    expect(deliveredUpTo(resumed, 100).last).toBe(71);
    expect(deliveredUpTo(resumed, 140).last).toBe(80);
  });

  test('that is paused in the middle of a release gets nothing more than its delay would give', () => {
    const paused = pauseDelay(released(untouched, 90, 100), at(101));
    expect(deliveredUpTo(paused, 200).last).toBe(41);
  });

  test('never gets anything newer than its horizon but one segment, whatever an operator does', () => {
    const action = fc.oneof(
      fc.constant({ kind: 'pause' as const }),
      fc.constant({ kind: 'resume' as const }),
      fc.record({ kind: fc.constant('release' as const), ahead: fc.integer({ min: -100, max: 100 }) }),
    );
    const steps = fc.array(fc.record({ after: fc.nat(90), action }), { maxLength: 8 });
    fc.assert(
      fc.property(steps, (all) => {
        let control = untouched;
        let now = 100;
        for (const step of all) {
          now += step.after;
          if (step.action.kind === 'pause') control = pauseDelay(control, at(now));
          else if (step.action.kind === 'resume') control = resumeDelay(control, at(now));
          else control = releaseDelay(control, at(now + step.action.ahead), at(now)) ?? control;
          const reached = deliveredUpTo(control, now);
          const horizon = (horizonMs(control, at(now)) - at(0)) / minute;
          expect(reached.last).toBeGreaterThanOrEqual(Math.floor(horizon));
          expect(reached.last).toBeLessThanOrEqual(Math.floor(horizon) + 1);
          control = reached.control;
        }
      }),
    );
  });
});

describe('the file that keeps what an operator said', () => {
  function newFile(): DelayFile {
    const directory = mkdtempSync(join(tmpdir(), 'archive2-delay-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    return DelayFile.of(directory, '1-2', systemClock);
  }

  /** At minute 100. */
  function gateOf(file: DelayFile | undefined, delayMs = hour) {
    const clock = new ManualClock();
    clock.advance(100 * minute);
    const recorded = recordedLog();
    const gate = delayGate({ file, delayMs, dataDirectory: '/data', clock, log: recorded.log });
    const admits = (number: number) => gate.admits(parseArchiveFileName(nameOf(number)), at(number));
    return { gate, admits, recorded };
  }

  test('is made by the first call with a delay, and follows a changed one', async () => {
    const file = newFile();
    expect(file.read()).toBeUndefined();
    await gateOf(file).admits(40);
    expect(file.read()).toMatchObject({ dataDirectory: '/data', delayMs: hour, mode: 'normal' });
    await file.change((control) => pauseDelay(control ?? untouched, at(100)));
    await gateOf(file, 2 * hour).admits(40);
    expect(file.read()).toMatchObject({ delayMs: 2 * hour, mode: 'paused' });
  });

  test('tells of a release’s last segment before that is delivered, also to the next agent', async () => {
    const file = newFile();
    await gateOf(file).admits(40);
    await file.change((control) => released(control ?? untouched, 70.5, 100));
    const first = gateOf(file);
    expect([await first.admits(70), await first.admits(71), await first.admits(72)]).toEqual([true, true, false]);
    expect(file.read()?.last).toEqual(segmentOf(71));
    const next = gateOf(file);
    expect([await next.admits(70), await next.admits(71), await next.admits(72)]).toEqual([true, true, false]);
    expect(next.recorded.lines.join('\n')).toContain('standby released by');
  });

  test('keeps no history file back', async () => {
    const file = newFile();
    await gateOf(file).admits(40);
    await file.change((control) => pauseDelay(control ?? untouched, at(100)));
    const { gate, admits } = gateOf(file);
    expect(await gate.admits(parseArchiveFileName('00000002.history'), at(1000))).toBe(true);
    expect([await admits(40), await admits(41)]).toEqual([true, false]);
  });

  test('that cannot be read lets nothing through', async () => {
    const file = newFile();
    writeFileSync(file.path, '{"format": 1}');
    await failureFrom('damaged', gateOf(file).admits(1));
  });

  test('is one file beside its lock, however often it is changed', async () => {
    const file = newFile();
    await Promise.all(Array.from({ length: 5 }, () => file.change(() => ({ ...untouched }))));
    expect(readdirSync(join(file.path, '..')).toSorted()).toEqual(['delay-1-2.json', 'delay-1-2.lock']);
  });

  test('is not needed for the delay alone', async () => {
    const { admits } = gateOf(undefined);
    expect([await admits(39), await admits(40), await admits(41)]).toEqual([true, true, false]);
  });
});

describe('a moment', () => {
  test.each([
    ['2026-11-21 10:07:21+00', '2026-11-21T10:07:21.000Z'],
    ['2026-11-21 10:07:21.123456+01', '2026-11-21T09:07:21.123Z'],
    ['2026-11-21 10:07:21.5 UTC', '2026-11-21T10:07:21.500Z'],
    ['2026-11-21T10:07Z', '2026-11-21T10:07:00.000Z'],
    ['2026-11-21 10:07:21-0330', '2026-11-21T13:37:21.000Z'],
    ['2026-11-21 10:07:21+05:30', '2026-11-21T04:37:21.000Z'],
  ])('is read as PostgreSQL and ISO 8601 write it: %s', (text, expected) => {
    expect(new Date(parseMoment('until', text)).toISOString()).toBe(expected);
  });

  test('is as fine as PostgreSQL has it', () => {
    const second = Date.parse('2026-11-21T10:07:21Z');
    expect(parseMoment('until', '2026-11-21 10:07:21.123456+00')).toBeCloseTo(second + 123.456, 3);
    expect(parseMoment('until', '2026-11-21 10:07:21.5+00')).toBe(second + 500);
  });

  test('without a zone is local', () => {
    expect(parseMoment('until', '2026-11-21 10:07:21')).toBe(new Date(2026, 10, 21, 10, 7, 21).getTime());
  });

  test.each(['', 'now', '2026-11-21', '10:07', '2026-13-21 10:07:21+00', '2026-11-21 25:07:21+00', '1700000000'])(
    '%j is refused',
    async (text) => {
      await failureFrom('usage', () => parseMoment('until', text));
    },
  );
});
