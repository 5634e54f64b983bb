import { describe, expect, test } from 'vitest';
import { overviewOf, type ScheduleOverview } from '../../../packages/core/src/queue/overview.ts';
import type { QueueState, ScheduleState, TurnState } from '../../../packages/core/src/queue/queue-state.ts';
import { aCluster, aSchedule, aState } from '../../support/queue-state.ts';

const HOUR = 60 * 60_000;
const DAY = 24 * HOUR;
const NOW = 100 * DAY;

const hosts = ['arch1', 'arch2'].map((name) => ({ name, maxRunning: 1, enabled: true, seenAtMs: NOW }));

function turn(host: string, more: Partial<TurnState> = {}): TurnState {
  return {
    host,
    slotAtMs: undefined,
    succeededAtMs: undefined,
    failures: 0,
    notBeforeMs: undefined,
    lastError: undefined,
    ...more,
  };
}

const good = (host: string, agoMs: number, more: Partial<TurnState> = {}) =>
  turn(host, { slotAtMs: NOW - agoMs, succeededAtMs: NOW - agoMs, ...more });

function overview(schedule: Partial<ScheduleState>, state: Partial<QueueState> = {}, cluster = {}): ScheduleOverview {
  const clusters = [aCluster({ schedules: [aSchedule({ addedAtMs: NOW - 50 * DAY, ...schedule })], ...cluster })];
  const [found] = overviewOf(aState({ nowMs: NOW, hosts, clusters, ...state })).schedules;
  if (found === undefined) throw new Error('no schedule');
  return found;
}

const running = {
  taskId: 7,
  kind: 'base',
  cluster: 'main',
  host: 'arch1',
  sourceServer: 'main',
  dueAtMs: NOW,
  startedAtMs: NOW - HOUR,
  heartbeatAtMs: NOW,
  leaseUntilMs: NOW + HOUR,
  progress: undefined,
} as const;

describe('a schedule is', () => {
  const fine = [good('arch1', 3 * DAY), good('arch2', DAY)];
  test.each<[string, Partial<ScheduleState>, Partial<QueueState>]>([
    ['ok', { turns: fine }, {}],
    ['new', { addedAtMs: NOW - HOUR }, {}],
    ['running', { turns: fine, enabled: false }, { running: [running] }],
    ['paused', { turns: fine, enabled: false }, {}],
    ['paused', { turns: fine }, { hosts: hosts.map((host) => ({ ...host, enabled: false })) }],
    ['ok', { turns: fine }, { hosts: hosts.map((host, index) => ({ ...host, enabled: index === 0 })) }],
    ['attention', { turns: [good('arch1', 3 * DAY, { failures: 6 }), good('arch2', DAY)] }, {}],
    ['failing', { turns: [good('arch1', 3 * DAY, { failures: 5 }), good('arch2', DAY)] }, {}],
    // Every 2 days one, so the last one is late by a day and an hour.
    ['overdue', { turns: [good('arch1', 6 * DAY), good('arch2', 3 * DAY + HOUR)] }, {}],
    ['ok', { turns: [good('arch1', 6 * DAY), good('arch2', 3 * DAY - HOUR)] }, {}],
    ['overdue', { addedAtMs: NOW - 2 * DAY }, {}],
    // Lost: the next claim finds it so.
    ['failing', { turns: fine }, { running: [{ ...running, leaseUntilMs: NOW }] }],
  ])('%s, case %#', (condition, schedule, state) => {
    expect(overview(schedule, state).condition).toBe(condition);
  });

  test('paused with its cluster', () => {
    expect(overview({ turns: fine }, {}, { enabled: false }).condition).toBe('paused');
  });
});

describe('the next one', () => {
  test('is by the host whose turn it is', () => {
    const { next, hosts } = overview({ turns: [good('arch1', DAY), good('arch2', 3 * DAY)] });
    expect(next).toEqual({ host: 'arch2', atMs: NOW + DAY });
    expect(hosts.map(({ nextAtMs }) => nextAtMs)).toEqual([NOW + 3 * DAY, NOW + DAY]);
  });

  test('is not expected of a host that does not ask: the other one does both turns', () => {
    const away = hosts.map((host) => (host.name === 'arch2' ? { ...host, seenAtMs: NOW - 7 * HOUR } : host));
    const shown = overview({ turns: [good('arch1', DAY), good('arch2', 3 * DAY)] }, { hosts: away });
    expect(shown.next).toEqual({ host: 'arch1', atMs: NOW + DAY });
    expect(shown.hosts.map(({ isAway, nextAtMs }) => [isAway, nextAtMs])).toEqual([
      [false, NOW + DAY],
      [true, undefined],
    ]);
  });

  test('waits in line: one at once of each host, each as long as it takes', () => {
    const clusters = ['a', 'b'].map((name, index) =>
      aCluster({ name, archiveHosts: ['arch1'], schedules: [aSchedule({ addedAtMs: NOW - 2 + index })] }),
    );
    const { schedules } = overviewOf(aState({ nowMs: NOW, hosts, clusters }), () => 3 * HOUR);
    expect(schedules.map(({ next }) => next?.atMs)).toEqual([NOW, NOW + 3 * HOUR]);
  });

  test('is not there before a person does something', () => {
    const stuck = { failures: 6, lastError: 'no' };
    const { next, hosts } = overview({ turns: [turn('arch1', stuck), turn('arch2', stuck)] });
    expect(next).toBeUndefined();
    expect(hosts.every(({ needsAttention, obstacle }) => needsAttention && obstacle === 'needs_attention')).toBe(true);
  });
});

test('the last good one counts also when its host was taken off the list', () => {
  expect(overview({ turns: [good('arch1', 3 * DAY), good('old', DAY)] }).lastGoodAtMs).toBe(NOW - DAY);
});
