import type { Finding } from '@archive2/archive-status/check/judge-cluster.ts';
import { verdictsOf } from '@archive2/archive-status/serve/judge.ts';
import { expect, test } from 'vitest';
import { healthyCluster, madeUpReport } from './made-up-report.ts';

const finding = (level: Finding['level'], rule: string, text: string, counts = true): Finding => ({
  level,
  rule,
  text,
  counts,
});

test('what a person reads of a verdict: each reason once with its rules, and nothing that is well or does not count', () => {
  const findings = [
    finding('critical', 'backup', 'the newest backup is 3 d old'),
    finding('warning', 'hosts', 'arch2 does not answer'),
    finding('unknown', 'debts', 'arch2 did not answer within 2 s'),
    finding('unknown', 'debts', 'arch2 did not answer within 2 s'),
    finding('unknown', 'holes', 'arch2 did not answer within 2 s'),
    finding('unknown', 'trend', 'there are no samples yet', false),
    finding('ok', 'backup', 'one is running'),
    finding('ok', 'drill', 'the last one passed'),
  ];
  const report = madeUpReport([healthyCluster()]);
  const verdict = verdictsOf(report, () => [{ cluster: 'main', level: 'critical', findings }]).get('main');
  expect(verdict?.reasons).toEqual([
    { level: 'critical', text: 'the newest backup is 3 d old', rules: ['backup'] },
    { level: 'warning', text: 'arch2 does not answer', rules: ['hosts'] },
    { level: 'unknown', text: 'arch2 did not answer within 2 s', rules: ['debts', 'holes'] },
  ]);
  expect([...(verdict?.rules ?? [])]).toEqual([
    ['backup', 'critical'],
    ['hosts', 'warning'],
    ['debts', 'unknown'],
    ['holes', 'unknown'],
    ['drill', 'ok'],
  ]);
});
