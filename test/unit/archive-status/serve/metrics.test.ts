import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { known, unknown } from '@archive2/archive-status/model/known.ts';
import type { ClusterReport } from '@archive2/archive-status/model/status-report.ts';
import { metricsText } from '@archive2/archive-status/serve/metrics/metrics-text.ts';
import { describe, expect, test } from 'vitest';
import {
  agent,
  backup,
  goneHost,
  HOUR_MS,
  healthyCluster,
  host,
  madeUpReport,
  NOW_MS,
  schedule,
  troubledCluster,
  unknownCluster,
} from './made-up-report.ts';
import { plainJudge } from './made-up-view.ts';
import { samplesIn } from './samples-in.ts';

async function textOf(clusters: readonly ClusterReport[], change: { ageMs?: number; isStale?: boolean } = {}) {
  const knowledge = { report: madeUpReport(clusters), ageMs: 3000, isStale: false, failure: undefined, ...change };
  return await metricsText({ knowledge, program: '0.1.0', judge: plainJudge });
}

const promtool = (text: string): SpawnSyncReturns<string> =>
  spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });

describe('metrics', () => {
  test('have the names that the issue asks for, with cluster and host', async () => {
    const samples = samplesIn(await textOf([healthyCluster()]));
    const here = { cluster: 'main', host: 'arch1' };
    expect(samples.value('backup_status', here)).toBe(1);
    expect(samples.value('backup_verification_failed', here)).toBe(0);
    expect(samples.value('last_successful_backup_timestamp', here)).toBe((NOW_MS - 48 * HOUR_MS) / 1000 + 71 * 60);
    expect(samples.value('backup_last_attempt_timestamp', here)).toBe((NOW_MS - 48 * HOUR_MS) / 1000);
    expect(samples.value('disk_usage_percent', here)).toBeCloseTo(69);
    expect(samples.value('archive2_wal_last_archived_timestamp', here)).toBe(NOW_MS / 1000 - 120);
    expect(samples.value('archive2_wal_lag_bytes', here)).toBe(4_321_000);
    expect(samples.value('archive2_wal_debts', here)).toBe(0);
    expect(samples.value('archive2_wal_holes', { cluster: 'main' })).toBe(0);
    expect(samples.value('archive2_host_up', here)).toBe(1);
    expect(samples.value('archive2_host_cooldown', here)).toBe(0);
    expect(samples.value('archive2_agent_queue', { cluster: 'main', host: 'monitor1' })).toBe(3);
    expect(samples.value('archive2_backup_duration_seconds', here)).toBe(71 * 60);
    expect(samples.value('archive2_drill_rto_seconds', here)).toBe(22 * 60);
    expect(samples.value('archive2_drill_rpo_seconds', here)).toBe(48);
    expect(samples.value('archive2_coverage_seconds', { cluster: 'main' })).toBe(6 * 86_400 - 42 * 60);
    expect(samples.value('archive2_source_up', { source: 'queue' })).toBe(1);
    expect(samples.value('archive2_status_age_seconds', {})).toBe(3);
  });

  test.each([
    ['a cluster that is well', () => healthyCluster()],
    ['one in trouble', () => troubledCluster()],
    ['one that nobody could be asked about', () => unknownCluster('main')],
    ['one with a hostile name', () => healthyCluster('"} 1\nbackup_status{cluster="fake\\')],
  ])('promtool finds nothing wrong with those of %s', async (_what, cluster) => {
    const { status, stdout, stderr } = promtool(await textOf([cluster()]));
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  test('promtool does find what is wrong', () => {
    expect(promtool('# TYPE a_total gauge\na_total 1\n').status).toBe(3);
  });

  test('push times are a histogram whose last bucket is its count', async () => {
    const samples = samplesIn(await textOf([healthyCluster()]));
    expect(samples.value('archive2_push_seconds_bucket', { le: '0.1' })).toBe(700);
    expect(samples.value('archive2_push_seconds_bucket', { le: '+Inf' })).toBe(812);
    expect(samples.value('archive2_push_seconds_count', {})).toBe(812);
    expect(samples.value('archive2_push_seconds_sum', {})).toBe(61.5);
  });

  test('of what is not known there is no sample, and never a NaN', async () => {
    const text = await textOf([unknownCluster('main')]);
    const samples = samplesIn(text);
    expect(text).not.toMatch(/nan/i);
    expect(samples.names()).toEqual([
      'archive2_build_info',
      'archive2_check_rule_status',
      'archive2_check_status',
      'archive2_gathering_failed',
      'archive2_gathering_seconds',
      'archive2_host_cooldown',
      'archive2_host_up',
      'archive2_server_up',
      'archive2_source_up',
      'archive2_status_age_seconds',
      'archive2_status_timestamp_seconds',
    ]);
    expect(samples.value('archive2_host_up', { host: 'arch1' })).toBe(0);
    expect(samples.value('archive2_check_status', { cluster: 'main' })).toBe(3);
    expect(samples.value('archive2_source_up', { source: 'queue' })).toBe(0);
  });

  test('a report that is too old leaves its age and nothing that could be taken for now', async () => {
    const samples = samplesIn(await textOf([healthyCluster()], { ageMs: 90_000, isStale: true }));
    expect(samples.names()).toEqual([
      'archive2_build_info',
      'archive2_gathering_failed',
      'archive2_status_age_seconds',
      'archive2_status_timestamp_seconds',
    ]);
    expect(samples.value('archive2_status_age_seconds', {})).toBe(90);
  });

  test('before the first report there is no age either', async () => {
    const knowledge = { report: undefined, ageMs: 0, isStale: false, failure: 'no' };
    const samples = samplesIn(await metricsText({ knowledge, program: '0.1.0', judge: plainJudge }));
    expect(samples.names()).toEqual(['archive2_build_info', 'archive2_gathering_failed']);
    expect(samples.value('archive2_gathering_failed', {})).toBe(1);
  });

  describe('backup_status', () => {
    const statusOf = async (cluster: ClusterReport) =>
      samplesIn(await textOf([cluster])).value('backup_status', { host: 'arch1' });

    test('is 0 after a failure that the queue counts, whatever lies on the host', async () => {
      const [first, second] = schedule().hosts;
      if (first === undefined || second === undefined) throw new Error('the schedule has two hosts');
      const failed = schedule({ hosts: [{ ...first, failures: 1 }, second] });
      expect(await statusOf(healthyCluster('main', { queue: known({ nowAtMs: NOW_MS, schedules: [failed] }) }))).toBe(
        0,
      );
    });

    test('is 0 where the newest one cannot be used, or there is none', async () => {
      const own = backup('archive@arch1', 1, { problem: 'a file of it is missing' });
      const damaged = host('archive@arch1', { backups: [2] }, { backups: known([backup('archive@arch1', 2), own]) });
      expect(await statusOf(healthyCluster('main', { hosts: [damaged], queue: null }))).toBe(0);
      expect(
        await statusOf(healthyCluster('main', { hosts: [host('archive@arch1', { backups: [] })], queue: null })),
      ).toBe(0);
    });

    test('is not there when the queue or the host cannot be asked', async () => {
      expect(await statusOf(healthyCluster('main', { queue: unknown('connection refused') }))).toBeUndefined();
      expect(await statusOf(healthyCluster('main', { hosts: [goneHost('archive@arch1', 'gone')] }))).toBeUndefined();
    });

    test('is that of the backup before while one is being taken', async () => {
      const partial = backup('archive@arch1', 0, { state: 'partial', endedAtMs: null });
      const busy = host('archive@arch1', { backups: [2] }, { backups: known([backup('archive@arch1', 2), partial]) });
      expect(await statusOf(healthyCluster('main', { hosts: [busy] }))).toBe(1);
    });
  });

  test('the gauges of an agent that is gone are gone with it, its counters stay', async () => {
    const dead = { ...agent(), isAlive: known(false), answers: known(null) };
    const samples = samplesIn(await textOf([healthyCluster('main', { agents: known([dead]) })]));
    expect(samples.value('archive2_agent_queue', {})).toBeUndefined();
    expect(samples.value('archive2_agent_up', {})).toBe(0);
    expect(samples.value('archive2_push_files_total', {})).toBe(812);
  });

  test('a hole that was accepted does not count', async () => {
    const troubled = troubledCluster();
    expect(samplesIn(await textOf([troubled])).value('archive2_wal_holes', {})).toBe(4);
    if (!troubled.wal.holes.known) throw new Error('the cluster has a hole');
    const accepted = { who: 'anna', why: 'the segments were never there', atMs: NOW_MS };
    const holes = known(troubled.wal.holes.value.map((hole) => ({ ...hole, accepted })));
    const quiet = { ...troubled, wal: { ...troubled.wal, holes } };
    expect(samplesIn(await textOf([quiet])).value('archive2_wal_holes', {})).toBe(0);
  });

  test('two hosts that differ by their users only are told apart', async () => {
    const hosts = [host('one@arch', { backups: [1] }), host('two@arch', { backups: [2] })];
    const samples = samplesIn(await textOf([healthyCluster('main', { hosts })]));
    expect(samples.value('archive2_host_up', { host: 'one@arch' })).toBe(1);
    expect(samples.value('archive2_host_up', { host: 'two@arch' })).toBe(1);
  });

  test('a second primary, or another one than expected, is misplaced', async () => {
    const role = { ...healthyCluster().role, expectedPrimary: 'db1:5432' };
    const misplaced = async (primaries: readonly string[]) =>
      samplesIn(await textOf([healthyCluster('main', { role: { ...role, primaries: known(primaries) } })])).value(
        'archive2_primary_misplaced',
        {},
      );
    expect(await misplaced(['db1:5432'])).toBe(0);
    expect(await misplaced(['db2:5432'])).toBe(1);
    expect(await misplaced(['db1:5432', 'db2:5432'])).toBe(1);
    expect(await misplaced([])).toBeUndefined();
    role.expectedPrimary = 'db1';
    expect(await misplaced(['db1:5432'])).toBe(0);
  });
});
