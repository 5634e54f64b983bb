/** docs/monitoring: rules and dashboard ask only for what /metrics has, and Prometheus' own tool understands them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unknown } from '@archive2/archive-status/model/known.ts';
import { metricsText } from '@archive2/archive-status/serve/metrics/metrics-text.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { healthyCluster, madeUpReport } from './made-up-report.ts';
import { plainJudge } from './made-up-view.ts';

const docs = join(import.meta.dirname, '../../../../docs');
const file = (name: string) => join(docs, 'monitoring', name);

interface Panel {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  datasource?: { uid: string };
  targets?: { refId: string; expr: string; datasource: { uid: string } }[];
}

const dashboard = JSON.parse(readFileSync(file('dashboard.json'), 'utf8')) as {
  schemaVersion: number;
  panels: Panel[];
  templating: { list: { name: string }[] };
};
const rules = readFileSync(file('alerts.yml'), 'utf8');
let metricNames: ReadonlySet<string>;
let labelsOf: ReadonlyMap<string, ReadonlySet<string>>;
/** Help texts by name. */
let declarations: ReadonlyMap<string, string>;
let directory = '';

const promtool = (...args: string[]) => spawnSync('promtool', args, { encoding: 'utf8' });

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'monitoring-'));
  const knowledge = { report: madeUpReport([healthyCluster()]), ageMs: 0, isStale: false, failure: undefined };
  const text = await metricsText({ knowledge, program: '0.1.0', judge: plainJudge });
  const declared = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)];
  metricNames = new Set(
    declared.flatMap(([, name = '', type]) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
  declarations = new Map([...text.matchAll(/^# HELP (\w+) (.*)$/gm)].map(([, name = '', help = '']) => [name, help]));
  const labels = new Map<string, Set<string>>();
  for (const [, name = '', inner = ''] of text.matchAll(/^(\w+)\{(.*)\} /gm)) {
    labels.set(name, new Set([...inner.matchAll(/(\w+)="/g)].map(([, label = '']) => label)));
  }
  labelsOf = labels;
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Whatever in a query looks like a metric of ours. */
const metricsIn = (query: string) => query.match(/\b(?:archive2|backup|disk|last)_[a-z_0-9]+\b/g) ?? [];
const expressions = () => dashboard.panels.flatMap(({ targets }) => targets?.map(({ expr }) => expr) ?? []);

describe('alerts.yml', () => {
  test('is understood by promtool', () => {
    expect(promtool('check', 'rules', file('alerts.yml'))).toMatchObject({ status: 0, stderr: '' });
  });

  test('fires when it should, and not else', { timeout: 60_000 }, () => {
    const { status, stderr, stdout } = promtool('test', 'rules', file('alerts.test.yml'));
    expect({ status, output: stderr + stdout }).toMatchObject({ status: 0 });
  });

  test('asks only for metrics that there are', () => {
    const asked = rules.split('\n').filter((line) => !/^\s*(summary|description|runbook_url|-? ?alert):/.test(line));
    const names = metricsIn(asked.join('\n').replace(/^#.*$/gm, ''));
    expect(names.length).toBeGreaterThan(25);
    expect(names.filter((name) => !metricNames.has(name))).toEqual([]);
  });

  test('each alert says what, why and where to read on', () => {
    const alerts = rules.split(/^ {6}- alert: /m).slice(1);
    expect(alerts.length).toBeGreaterThan(20);
    for (const alert of alerts) {
      for (const part of ['severity: ', 'summary: ', 'description: ', 'runbook_url: docs/runbook.md#'])
        expect(alert).toContain(part);
      const [, metric = ''] = /((?:archive2|backup|disk|last)_[a-z_0-9]+)/.exec(alert) ?? [];
      // Labels of the answer are named in the texts: those that an aggregation left, or all of the metric's.
      const [, kept] = /\b(?:max|sum|group) by \((\w+)\)/.exec(alert) ?? [];
      const labels = kept === undefined ? labelsOf.get(metric) : new Set([kept]);
      const named = [...alert.matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label);
      expect(named.filter((label) => label !== 'instance' && labels !== undefined && !labels.has(label))).toEqual([]);
    }
  });

  test('its sections are in the runbook', () => {
    const headings = readFileSync(join(docs, 'runbook.md'), 'utf8').match(/^#{1,4} .*$/gm) ?? [];
    const anchors = new Set(headings.map(anchorOf));
    const asked = new Set([...rules.matchAll(/runbook\.md#([\w-]+)/g)].map(([, anchor = '']) => anchor));
    expect([...asked].filter((anchor) => !anchors.has(anchor))).toEqual([]);
  });
});

/** As GitHub and others make it of a heading. */
function anchorOf(heading: string): string {
  return heading
    .replace(/^#+ /, '')
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

describe('dashboard.json', () => {
  test('asks only for metrics that there are', () => {
    const names = metricsIn(expressions().join('\n'));
    expect(names.length).toBeGreaterThan(25);
    expect(names.filter((name) => !metricNames.has(name))).toEqual([]);
  });

  test('has queries that Prometheus understands', () => {
    const records = expressions().map((expr, index) => {
      const query = expr.replaceAll('$__rate_interval', '5m').replaceAll('$cluster', '.*');
      return `      - record: query_${index}\n        expr: ${JSON.stringify(query)}`;
    });
    const path = join(directory, 'queries.yml');
    writeFileSync(path, `groups:\n  - name: dashboard\n    rules:\n${records.join('\n')}\n`);
    expect(promtool('check', 'rules', path)).toMatchObject({ status: 0 });
  });

  test('is one that Grafana takes: panels with ids of their own that do not overlap, on the chosen data source', () => {
    const { panels, schemaVersion, templating } = dashboard;
    expect(schemaVersion).toBeGreaterThanOrEqual(36);
    expect(templating.list.map(({ name }) => name)).toEqual(['datasource', 'cluster']);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Set<string>();
    for (const { type, title, gridPos, targets } of panels) {
      expect(['row', 'stat', 'timeseries', 'state-timeline']).toContain(type);
      expect(title).not.toBe('');
      expect(type === 'row' ? undefined : targets?.length).not.toBe(0);
      expect(new Set(targets?.map(({ refId }) => refId)).size).toBe(targets?.length ?? 0);
      for (const target of targets ?? []) expect(target.datasource.uid).toBe('${datasource}');
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.has(`${x},${y}`)).toBe(false);
          taken.add(`${x},${y}`);
        }
      }
    }
  });
});

describe('README.md', () => {
  test('has every metric with what it means', () => {
    const readme = readFileSync(file('README.md'), 'utf8');
    expect(declarations.size).toBeGreaterThan(50);
    const rows = [...declarations].map(([name, help]) => [`| \`${name}\` |`, `| ${help} |`]);
    const lines = readme.split('\n');
    const missing = rows.filter(
      ([begin = '', end = '']) => !lines.some((line) => line.startsWith(begin) && line.endsWith(end)),
    );
    expect(missing).toEqual([]);
  });
});

test('metrics of a source that is down stay declared, so that a name is never unknown', async () => {
  const gone = healthyCluster('main', { queue: unknown('down'), drills: unknown('down') });
  const knowledge = { report: madeUpReport([gone]), ageMs: 0, isStale: false, failure: undefined };
  const text = await metricsText({ knowledge, program: '0.1.0', judge: plainJudge });
  expect(text.match(/^# TYPE /gm)).toHaveLength(declarations.size);
});
