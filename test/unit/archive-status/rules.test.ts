import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { judgeCluster } from '../../../packages/archive-status/src/check/judge-cluster.ts';
import { rules } from '../../../packages/archive-status/src/check/rules.ts';
import { unknown } from '../../../packages/archive-status/src/model/known.ts';
import type { ClusterReport } from '../../../packages/archive-status/src/model/status-report.ts';
import { type Alarm, alarms } from './alarms.ts';
import { healthyCluster, type Mutable, question } from './healthy-cluster.ts';

function levelOf(cluster: ClusterReport, rule: string) {
  return judgeCluster(cluster, question, { only: [rule], skip: [] }).level;
}

function inState(change: Alarm['state']): Mutable<ClusterReport> {
  const cluster = healthyCluster();
  change(cluster);
  return cluster;
}

/** The path to every cell that is known, and not only there to alarm earlier than another one. */
function cellsOf(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  const inner = Object.entries(value).flatMap(([key, it]) => cellsOf(it, [...path, key]));
  const isCell = 'known' in value && value.known === true && path.at(-1) !== 'debtsGrowth';
  return isCell ? [[...path], ...inner] : inner;
}

function forget(cluster: Mutable<ClusterReport>, path: readonly string[]): void {
  let place: unknown = cluster;
  for (const key of path.slice(0, -1)) place = (place as Record<string, unknown> | undefined)?.[key];
  // An outer cell may have been forgotten before.
  if (typeof place === 'object' && place !== null)
    (place as Record<string, unknown>)[path.at(-1) ?? ''] = unknown('forgotten');
}

describe('the rules of check', () => {
  it('find nothing wrong with a cluster that is well', () => {
    const { level, findings } = judgeCluster(healthyCluster(), question);
    expect(findings.filter((finding) => finding.counts && finding.level !== 'ok')).toEqual([]);
    expect(level).toBe('ok');
  });

  test.each(alarms.map((alarm) => [`${alarm.rule}: ${alarm.fact}`, alarm] as const))('%s', (_title, alarm) => {
    expect(levelOf(inState(alarm.state), alarm.rule)).toBe(alarm.level);
    expect(levelOf(inState(alarm.neighbour ?? (() => undefined)), alarm.rule)).toBe('ok');
  });

  it('have a state each that they alarm at', () => {
    expect(rules.map(({ name }) => name).filter((name) => !alarms.some(({ rule }) => rule === name))).toEqual([]);
  });

  it('never say ok because something that they need is not known', () => {
    const alarm = fc.constantFrom(...alarms);
    fc.assert(
      fc.property(
        alarm,
        fc.infiniteStream(fc.integer({ min: 0, max: 2 ** 30 })),
        fc.integer({ min: 1, max: 4 }),
        (given, numbers, count) => {
          const cluster = inState(given.state);
          const cells = cellsOf(cluster);
          for (const number of numbers.take(count)) forget(cluster, cells[number % cells.length] ?? []);
          return levelOf(cluster, given.rule) !== 'ok';
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('never say ok for any single cell that is forgotten in a state that they alarm at', () => {
    const green: string[] = [];
    for (const { rule, fact, state } of alarms) {
      for (const path of cellsOf(inState(state))) {
        const cluster = inState(state);
        forget(cluster, path);
        if (levelOf(cluster, rule) === 'ok') green.push(`${rule}: ${fact}, without ${path.join('.')}`);
      }
    }
    expect(green).toEqual([]);
  });

  it('are unknown altogether when nothing is known', () => {
    const cluster = healthyCluster();
    for (const path of cellsOf(cluster)) forget(cluster, path);
    cluster.wal.singleCopies = unknown('forgotten');
    const { findings } = judgeCluster(cluster, question);
    const green = findings.filter(({ level }) => level === 'ok').map(({ rule }) => rule);
    expect(green).toEqual([]);
  });

  it('make the verdict unknown for an early warning only where it was asked for', () => {
    const cluster = healthyCluster();
    for (const host of cluster.hosts) host.diskFullAtMs = unknown('not known yet');
    expect(judgeCluster(cluster, question).level).toBe('ok');
    expect(judgeCluster(cluster, question, { only: ['disk-trend', 'disk'], skip: [] }).level).toBe('unknown');
  });

  it('are refused where one is no rule, or none is left', () => {
    const judge = (only: string[] | undefined, skip: string[]) => () =>
      judgeCluster(healthyCluster(), question, { only, skip });
    expect(judge(['backups'], [])).toThrow('"backups" is no rule');
    expect(judge(undefined, ['wall'])).toThrow('"wall" is no rule');
    expect(judge(['backup'], ['backup'])).toThrow('leave no rule');
    expect(judge([], [])).toThrow('leave no rule');
  });
});
