import { createHash } from 'node:crypto';
import { known } from '@archive2/archive-status/model/known.ts';
import type { ClusterReport } from '@archive2/archive-status/model/status-report.ts';
import { html } from '@archive2/archive-status/serve/html/html.ts';
import { securityHeaders } from '@archive2/archive-status/serve/http/security-headers.ts';
import { emptyAnswers, rememberAnswers } from '@archive2/archive-status/serve/keep/last-answers.ts';
import { clusterPage } from '@archive2/archive-status/serve/page/cluster-page.ts';
import { clustersPage } from '@archive2/archive-status/serve/page/clusters-page.ts';
import { firstPage } from '@archive2/archive-status/serve/page/first-page.ts';
import { pageScript } from '@archive2/archive-status/serve/page/page-script.ts';
import { pageStyle } from '@archive2/archive-status/serve/page/page-style.ts';
import { clusterOfPath, clusterPath } from '@archive2/archive-status/serve/page/paths.ts';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  DAY_MS,
  goneHost,
  HOUR_MS,
  healthyCluster,
  host,
  madeUpReport,
  NOW_MS,
  server,
  troubledCluster,
  unknownCluster,
} from './made-up-report.ts';
import { madeUpView } from './made-up-view.ts';

const hostile = `<script>alert(1)</script>"'&<img src=x onerror=alert(1)>`;

/** What a person reads: no tags, no style, no script. */
function textOf(page: string): string {
  const body = page.slice(page.indexOf('<main'), page.indexOf('</main>'));
  const text = body.replace(/<(style|script|defs)[^]*?<\/\1>/g, ' ').replace(/<[^>]*>/g, ' ');
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
    .replace(/\s+/g, ' ');
}

describe('html', () => {
  test('escapes every text, wherever it stands', () => {
    expect(html`<a title="${'"><script>'}">${"a & 'b'"}</a>`.text).toBe(
      '<a title="&quot;&gt;&lt;script&gt;">a &amp; &#39;b&#39;</a>',
    );
  });

  test('takes HTML, lists and numbers as they are, and undefined as nothing', () => {
    expect(html`${html`<b>x</b>`}${[1, html`<i>y</i>`, '<']}${undefined}`.text).toBe('<b>x</b>1<i>y</i>&lt;');
  });

  test('whatever the text: no tag, no quote comes of it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(html`${text}`.text).not.toMatch(/[<>"'\p{Cc}]/u);
      }),
    );
  });
});

describe('the list', () => {
  test('has the worst cluster first, with its verdict and reasons', () => {
    const page = clustersPage(
      madeUpView([healthyCluster('b'), unknownCluster('c'), troubledCluster('d'), healthyCluster('a')]),
    );
    const order = [...page.matchAll(/id="cluster-(\w)"/g)].map(([, name]) => name);
    expect(order).toEqual(['d', 'c', 'a', 'b']);
    expect(textOf(page)).toContain('archive_command has been failing for 12 min');
    expect(page).toContain('<title>Critical: d · Archive status</title>');
  });

  test('says that nothing is known where nothing is known, and no OK', () => {
    const text = textOf(clustersPage(madeUpView([unknownCluster('c')])));
    expect(text.match(/not known/g)?.length).toBeGreaterThanOrEqual(5);
    expect(text).toContain('0 of 2 answer');
    expect(text).not.toContain('OK');
  });
});

describe('a page', () => {
  test.each([
    ['the list', (cluster: ClusterReport) => clustersPage(madeUpView([cluster]))],
    ['a cluster', (cluster: ClusterReport) => clusterPage(cluster, '7d', madeUpView([cluster]))],
  ])('%s shows hostile names as text', (_what, show) => {
    const hosts = [host(hostile, { backups: [1] }), goneHost('other', hostile)];
    const page = show(healthyCluster(hostile, { hosts, servers: [server(hostile, 'primary')] }));
    const markup = page.replace(pageScript, '').replace(pageStyle, '');
    expect(markup.match(/<script/g)).toHaveLength(1);
    expect(markup).not.toContain('<img');
    expect(textOf(page)).toContain(hostile);
  });

  test('has a style and a script that the policy knows, and nothing else that it would have to', () => {
    const page = clusterPage(troubledCluster(), '7d', madeUpView([troubledCluster()]));
    const policy = securityHeaders(pageStyle, pageScript)['content-security-policy'];
    const digest = (text: string | undefined) =>
      createHash('sha256')
        .update(text ?? '')
        .digest('base64');
    expect(policy).toContain(`style-src 'sha256-${digest(/<style>([^]*?)<\/style>/.exec(page)?.[1])}'`);
    expect(policy).toContain(`script-src 'sha256-${digest(/<script>([^]*?)<\/script>/.exec(page)?.[1])}'`);
    const markup = page.replace(pageScript, '').replace(pageStyle, '');
    expect(markup).not.toMatch(/ style=| on\w+=|https?:\/\/(?!www\.w3\.org)|src=/);
  });

  test('says in words what the picture shows, and as a table', () => {
    const text = textOf(clusterPage(troubledCluster(), '7d', madeUpView([troubledCluster()])));
    expect(text).toContain('Any moment from 2026-11-19 15:31 to 2026-11-21 15:29');
    expect(text).toContain('One hole in the WAL.');
    expect(text).toContain('data.master.11 on arch1 is of no use, because 2 segments that it needs are missing');
    expect(text).toContain('ends where 4 segments from 000000010000000A000000F0 are missing');
    expect(text).toContain('hole: 4 segments from 000000010000000A000000F0 on no host arch1 2026-11-19 03:31');
    expect(text).toContain('data.master.18 is complete arch1');
    expect(text).toContain('data.master.9 cannot be used: whoever took it has died arch1');
    expect(text).toContain('restore of data.master.16 on arch1 failed: the server did not reach its target drills');
  });

  test('describes each lane of the picture', () => {
    const page = clusterPage(troubledCluster(), '7d', madeUpView([troubledCluster()]));
    const lanes = [...page.matchAll(/class="lane-svg"[^>]*role="img" aria-label="([^"]*)"/g)].map(([, label]) => label);
    expect(lanes).toHaveLength(4);
    expect(lanes[1]).toMatch(
      /^arch1, 3 backups, from 2026-11-14 15:31 to 2026-11-21 15:31: .*1 × one copy only, 1 × hole/,
    );
    expect(lanes[2]).toMatch(/not known/);
  });

  test('a host that is away keeps its picture as last seen, and its cells are not taken for now', () => {
    const cluster = troubledCluster();
    const before = madeUpReport([healthyCluster('orders')], { generatedAtMs: NOW_MS - 9 * HOUR_MS });
    const view = madeUpView([cluster]);
    const answers = rememberAnswers(rememberAnswers(emptyAnswers, before), view.report);
    const text = textOf(clusterPage(cluster, '7d', { ...view, answers }));
    expect(text).toContain('no : connect timed out after 3 s (last 9 h ago )');
    expect(text).toContain('not known was: 3 complete');
    expect(text).toContain('as it was when the host answered last');
    expect(text).toContain('not known: connect timed out after 3 s arch2 2026-11-21 06:31 2026-11-21 15:31');
  });

  test('is called old where it is, and nothing in it is OK then', () => {
    const view = madeUpView([healthyCluster()], {
      isStale: true,
      ageMs: 5 * 60_000,
      verdictOf: () => ({ level: 'unknown', reasons: [], rules: new Map() }),
    });
    for (const page of [clustersPage(view), clusterPage(healthyCluster(), '7d', view)]) {
      expect(textOf(page)).toContain('Everything below is 5 min old and says nothing about now.');
      expect(textOf(page)).not.toContain('OK');
    }
  });

  test('of nothing yet is unknown', () => {
    expect(textOf(firstPage('no more file descriptors'))).toContain(
      'Nothing could be gathered: no more file descriptors',
    );
    expect(firstPage(undefined)).toContain('<title>Unknown · Archive status</title>');
  });

  test('is of bounded size for an archive with thousands of gaps', () => {
    const wal = known(
      Array.from({ length: 20_000 }, (_, index) => ({
        timeline: 1,
        from: '000000010000000900000001',
        to: '000000010000000900000002',
        count: 2,
        fromAtMs: NOW_MS - 7 * DAY_MS + index * 30_000,
        toAtMs: NOW_MS - 7 * DAY_MS + index * 30_000 + 10_000,
      })),
    );
    const cluster = healthyCluster('main', { hosts: [host('arch1', { backups: [1] }, { wal })] });
    for (const zoom of ['24h', '7d', '30d', 'all'] as const) {
      expect(clusterPage(cluster, zoom, madeUpView([cluster])).length).toBeLessThan(1_000_000);
    }
  });

  test('says that backups which cannot be used are none', () => {
    const hosts = [host('arch1', { backups: [], broken: 2 })];
    const cluster = healthyCluster('main', {
      hosts,
      coverage: known({ ranges: [], totalMs: 0, isWhole: true, unusable: [] }),
    });
    const text = textOf(clusterPage(cluster, '7d', madeUpView([cluster])));
    expect(text).toContain('none that can be used ; 2 cannot be used');
    expect(text).toContain('Nothing. There is no complete base backup with its WAL.');
  });
});

test('the picture begins with a week, or with all that there is of a younger archive; each zoom has a link', () => {
  const shown = (cluster: ClusterReport, zoom?: '24h') => {
    const page = clusterPage(cluster, zoom, madeUpView([cluster]));
    return {
      current: /id="zoom-(\w+)"[^>]*aria-current/.exec(page)?.[1],
      links: [...page.matchAll(/id="zoom-\w+" href="([^"]*)"/g)].map(([, href]) => href),
    };
  };
  expect(shown(healthyCluster()).current).toBe('7d');
  expect(shown(healthyCluster(), '24h').current).toBe('24h');
  const links = ['24h', '7d', '30d', 'all'].map((zoom) => `/cluster/main?span=${zoom}`);
  expect(shown(healthyCluster()).links).toEqual(links);
  const young = host('arch1', { backups: [0.5] }, { wal: known([]) });
  const coverage = known({ ranges: [], totalMs: 0, isWhole: true, unusable: [] });
  expect(shown(healthyCluster('main', { hosts: [young], coverage, drills: known([]) })).current).toBe('all');
});

describe('the path of a cluster', () => {
  test('is found again whatever the name', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/), (name) => {
        expect(clusterOfPath(new URL(clusterPath(name), 'http://localhost').pathname)).toBe(name);
      }),
      { examples: [[hostile], ['a/b']] },
    );
  });

  test.each(['/', '/cluster/', '/cluster/a/b', '/cluster/%E0%A4%A', '/clusters/a'])('%s is none', (path) => {
    expect(clusterOfPath(path)).toBeUndefined();
  });
});
