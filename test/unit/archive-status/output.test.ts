import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeCluster } from '../../../packages/archive-status/src/check/judge-cluster.ts';
import { failureOutput, pluginOutput } from '../../../packages/archive-status/src/check/plugin-output.ts';
import { statusJson } from '../../../packages/archive-status/src/json-of.ts';
import { known, unknown } from '../../../packages/archive-status/src/model/known.ts';
import type { ClusterReport, StatusReport } from '../../../packages/archive-status/src/model/status-report.ts';
import { statusTable } from '../../../packages/archive-status/src/table/status-table.ts';
import { wrapped } from '../../../packages/archive-status/src/table/wrapped.ts';
import { healthyCluster, hours, type Mutable, nowMs, question } from './healthy-cluster.ts';

function reportOf(...clusters: ClusterReport[]): StatusReport {
  return { schema: 1, program: '0.1.0', machine: 'monitor', generatedAtMs: nowMs, gatheringMs: 52, clusters };
}

function verdictsOf(report: StatusReport) {
  return report.clusters.map((cluster) => judgeCluster(cluster, question));
}

function shop(): Mutable<ClusterReport> {
  return { ...healthyCluster(), cluster: 'shop' };
}

describe('the output of check', () => {
  it('is one line of status and text, perfdata after a bar, and a line for each finding', () => {
    const { level, text } = pluginOutput(verdictsOf(reportOf(healthyCluster())));
    const [first = '', ...others] = text.trimEnd().split('\n');
    expect(level).toBe('ok');
    expect(first).toMatch(/^ARCHIVE OK - main: all is well \| '/);
    expect(others.length).toBeGreaterThan(20);
    expect(others.join('\n')).not.toContain('|');
  });

  it('has perfdata that plugins’ readers take, with limits', () => {
    const { text } = pluginOutput(verdictsOf(reportOf(healthyCluster())));
    const perfdata = (text.split('\n')[0] ?? '').split(' | ')[1] ?? '';
    for (const datum of perfdata.split(' ')) expect(datum).toMatch(/^'[^'=|]+'=-?\d+(\.\d+)?(s|B|%|)(;[\d.]*){0,4}$/);
    expect(perfdata).toContain("'backup_age'=28800s;108000;194400;0");
    expect(perfdata).toContain("'arch1_disk_used'=40%;85;95;0;100");
    expect(perfdata).toContain("'arch1_debts'=0;;;0");
  });

  it('tells the worst of all clusters first, and of which cluster it is', () => {
    const bad = shop();
    bad.wal.lag = known({ segments: 100, bytes: 100 * 2 ** 24 });
    bad.queue = unknown('the queue is away');
    const { level, text } = pluginOutput(verdictsOf(reportOf(healthyCluster(), bad)));
    expect(level).toBe('critical');
    expect(text).toMatch(
      /^ARCHIVE CRITICAL - shop: 100 segments \(1\.6 GiB\) are not archived; shop: the queue is away/,
    );
    expect(text).toContain("'shop_wal_lag'=1677721600B;268435456;1073741824;0");
  });

  it('is unknown without any cluster, and for its own failure', () => {
    expect(pluginOutput([]).level).toBe('unknown');
    expect(failureOutput('the file | is\nbad', 'See --help.')).toBe(
      'ARCHIVE UNKNOWN - the file / is\\x0abad\nSee --help.\n',
    );
  });

  it('does not let a name from outside make a line or perfdata', () => {
    const bad = healthyCluster();
    bad.queue = unknown("x | 'backup_age'=0s\nOK - all is well");
    const { text } = pluginOutput(verdictsOf(reportOf(bad)));
    expect(text.split('\n').some((line) => line.startsWith('OK -'))).toBe(false);
    expect(text.split('\n')[0]?.split(' | ').length).toBe(2);
  });
});

describe('wrapped text', () => {
  it('has all of the text on lines that fit', () => {
    const words = fc.array(fc.string({ minLength: 1, maxLength: 30, unit: fc.constantFrom('a', 'b') }), {
      minLength: 1,
    });
    fc.assert(
      fc.property(words, fc.integer({ min: 5, max: 40 }), fc.integer({ min: 3, max: 40 }), (all, width, first) => {
        const lines = wrapped(all.join(' '), width, first);
        expect(lines.every((line, index) => line.length <= (index === 0 ? first : width))).toBe(true);
        expect(lines.join('').replaceAll(' ', '')).toBe(all.join(''));
      }),
    );
  });
});

describe('the table', () => {
  const layout = { width: 100, colours: false };

  it('fits in 100 columns, whatever is to be said', () => {
    const bad = shop();
    const long = unknown(`archive@a-host-with-a-very-long-name.example.org: ${'nothing is known of it, '.repeat(12)}`);
    for (const host of bad.hosts) {
      host.name = 'archive@a-host-with-a-very-long-name.example.org';
      host.debts = long;
    }
    bad.queue = long;
    for (const server of bad.servers) {
      server.name = `${'a-server-with-a-very-long-name.'.repeat(3)}example.org:5432`;
      server.role = unknown('without-any-space-'.repeat(12));
    }
    const report = reportOf(healthyCluster(), bad);
    const text = statusTable(report, verdictsOf(report), layout, 'UTC');
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
    const piped = statusTable(report, verdictsOf(report), { width: undefined, colours: false }, 'UTC');
    expect(Math.max(...piped.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it('has the worst cluster first', () => {
    const bad = shop();
    bad.wal.lag = known({ segments: 100, bytes: 100 * 2 ** 24 });
    const report = reportOf(healthyCluster(), bad);
    const text = statusTable(report, verdictsOf(report), layout, 'UTC');
    expect(text.indexOf('shop  CRITICAL')).toBe(0);
    expect(text.indexOf('main  OK')).toBeGreaterThan(0);
  });

  it('says what is not known, and why, once', () => {
    const bad = healthyCluster();
    const away = unknown('arch2: connection refused');
    const [, arch2] = bad.hosts;
    if (arch2 !== undefined)
      Object.assign(arch2, { answerMs: away, newest: away, debts: away, disk: away, lastBackup: away });
    const report = reportOf(bad);
    const text = statusTable(report, verdictsOf(report), layout, 'UTC');
    expect(text).toMatch(/^arch2 +\? +\? +0 +\? +\? +\? +\?$/m);
    expect(text.match(/^(debts|disk|backup) .*connection refused/gm)).toHaveLength(1);
  });

  it('has colours only where they are asked for', () => {
    const report = reportOf(healthyCluster());
    expect(statusTable(report, verdictsOf(report), layout, 'UTC')).not.toContain('\u001b');
    expect(statusTable(report, verdictsOf(report), { ...layout, colours: true }, 'UTC')).toContain('\u001b[32mOK');
  });
});

describe('the JSON', () => {
  it('has moments as text in UTC, and cells with their value or reason', () => {
    const cluster = healthyCluster();
    cluster.drills = unknown('the queue is away');
    cluster.role.timelineSinceAtMs = known(nowMs - 2 * hours);
    const report = reportOf(cluster);
    const json = JSON.parse(statusJson(report, verdictsOf(report))) as Record<string, never>;
    expect(json).toMatchObject({
      schema: 1,
      generatedAt: '2026-11-21T12:00:00.000Z',
      gatheringMs: 52,
      clusters: [
        {
          cluster: 'main',
          drills: { known: false, reason: 'the queue is away' },
          role: { timelineSinceAt: { known: true, value: '2026-11-21T10:00:00.000Z' } },
          newestBackup: { known: true, value: { name: 'data.master.8', endedAt: '2026-11-21T04:00:00.000Z' } },
          hosts: [{ debts: { known: true, value: { count: 0, oldestAt: null } } }, {}],
        },
      ],
      verdicts: [{ cluster: 'main', level: 'unknown' }],
    });
    expect(JSON.stringify(json)).not.toContain('AtMs');
  });
});
