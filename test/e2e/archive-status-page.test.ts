/**
 * The web page of archive-status serve in a real browser, of made-up reports: each state of a cluster without a stand for it. The
 * server is the real one; screenshots are kept in test-output/archive-status.
 */
import type { StatusReport } from '@archive2/archive-status/model/status-report.ts';
import { securityHeaders } from '@archive2/archive-status/serve/http/security-headers.ts';
import { Token } from '@archive2/archive-status/serve/http/token.ts';
import { WebServer } from '@archive2/archive-status/serve/http/web-server.ts';
import { StatusKeeper } from '@archive2/archive-status/serve/keep/status-keeper.ts';
import { pageScript } from '@archive2/archive-status/serve/page/page-script.ts';
import { pageStyle } from '@archive2/archive-status/serve/page/page-style.ts';
import { routesOf } from '@archive2/archive-status/serve/routes.ts';
import { type Clock, systemClock } from '@archive2/core/base/clock.ts';
import { silentLog } from '@archive2/core/base/log.ts';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { factsOf, keepScreenshot, launchChromium, openPage } from '../support/browser/chromium.ts';
import {
  goneHost,
  healthyCluster,
  host,
  madeUpReport,
  NOW_MS,
  troubledCluster,
  unknownCluster,
} from '../unit/archive-status/serve/made-up-report.ts';
import { plainJudge } from '../unit/archive-status/serve/made-up-view.ts';

const hostile = `<script>alert('cluster')</script><img src=x onerror=alert(2)>`;
const everything = madeUpReport([
  healthyCluster(),
  troubledCluster(),
  unknownCluster('billing'),
  healthyCluster(hostile, { hosts: [host(hostile, { backups: [1] }), goneHost('other', hostile)] }),
]);
const beginMs = performance.now();
const clock: Clock = { ...systemClock, nowMs: () => NOW_MS + performance.now() - beginMs };

let browser: Browser;
let server: WebServer;
let url = '';
let report: StatusReport = everything;

async function serve(token?: Token): Promise<void> {
  const keeper = new StatusKeeper({
    gather: () => Promise.resolve(report),
    clock,
    log: silentLog,
    intervalMs: 1,
    gatherWithinMs: 1000,
  });
  server = new WebServer({
    entrance: { kind: 'tcp', address: { host: '127.0.0.1', port: 0 }, token },
    route: routesOf({ keeper, judge: plainJudge, json: JSON.stringify, clock, timeZone: 'Europe/Berlin' }),
    headers: securityHeaders(pageStyle, pageScript),
    log: silentLog,
  });
  url = await server.listen();
}

beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(async () => {
  await browser.close();
});
beforeEach(async () => {
  report = everything;
  await serve();
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await server.close();
});

const paths = {
  list: '',
  orders: 'cluster/orders',
  'main-24h': 'cluster/main?span=24h',
  'billing-all': 'cluster/billing?span=all',
  hostile: `cluster/${encodeURIComponent(hostile)}`,
};
const phone = { viewport: { width: 360, height: 740 }, isMobile: true };
const ways = [
  ['light', { colorScheme: 'light' }, ['list', 'orders', 'main-24h', 'billing-all']],
  ['dark', { colorScheme: 'dark' }, ['list', 'orders', 'billing-all']],
  ['phone', { colorScheme: 'light', ...phone }, ['list', 'orders', 'hostile']],
  ['phone-dark', { colorScheme: 'dark', ...phone }, ['orders']],
] as const;

describe.each(ways)('%s', (way, options, names) => {
  test.each(names)('the page %s reads well and asks nobody else for anything', async (name) => {
    const { page, complaints } = await openPage(browser, url + paths[name], options);
    await keepScreenshot(page, `${name}-${way}`);
    const facts = await factsOf(page);
    expect(facts.textCount).toBeGreaterThan(20);
    expect(facts.faint).toEqual([]);
    // Less where room is kept for a scrollbar.
    expect(facts.overflowPx).toBeLessThanOrEqual(0);
    expect(facts.headings[0]).toBe(1);
    expect(facts.headings.filter((level) => level === 1)).toHaveLength(1);
    expect(facts.landmarks).toEqual(['main', 'nav', 'footer', 'header']);
    expect(facts).toMatchObject({ picturesWithoutWords: 0, emptyLabels: 0, repeatedIds: [], labelsOfNothing: 0 });
    expect(complaints).toEqual([]);
  });
});

test('the policy keeps out a script that got into a page, and the test would see it', async () => {
  const { page, complaints } = await openPage(browser, url);
  await page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=alert(1)>')");
  await expect.poll(() => complaints.join()).toContain('violates img-src');
});

test('all ways lead through the page by keyboard, and the focus is always seen', async () => {
  const { page } = await openPage(browser, url);
  const walk: string[] = [];
  for (let step = 0; step < 7; step += 1) {
    await page.keyboard.press('Tab');
    walk.push(await focusOf(page));
  }
  expect(walk).toEqual(['Skip to the content', 'orders', 'billing', hostile, 'main', 'metrics', 'JSON']);
  await page.locator('#cluster-orders').focus();
  await page.keyboard.press('Enter');
  await page.waitForURL('**/cluster/orders');
  await page.locator('#zoom-30d').focus();
  expect(await focusOf(page)).toBe('30 days');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/cluster/orders?span=30d');
  expect(await page.locator('[aria-current=true]').textContent()).toBe('30 days');
  expect(await page.locator('#picture-rows').isVisible()).toBe(false);
  await page.locator('#picture-table summary').focus();
  expect(await focusOf(page)).toBe('The picture as a table');
  await page.keyboard.press('Enter');
  expect(await page.locator('#picture-rows').isVisible()).toBe(true);
  await keepScreenshot(page, 'orders-30d-table');
});

/** Its text; throws when it is not to be seen that it has the focus. */
async function focusOf(page: Page): Promise<string> {
  const focus = (await page.evaluate(`(() => {
    const { activeElement: element } = document;
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    const isInView = box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth;
    return { text: element.textContent, outlineStyle, outlinePx: parseFloat(outlineWidth), isInView };
  })()`)) as { text: string; outlineStyle: string; outlinePx: number; isInView: boolean };
  expect(focus).toMatchObject({ outlineStyle: 'solid', isInView: true });
  expect(focus.outlinePx).toBeGreaterThanOrEqual(2);
  return focus.text;
}

describe('while it is looked at', () => {
  test('news come by themselves and leave focus, scrolling and open tables where they are', async () => {
    const { page, complaints } = await openClockedPage('cluster/main');
    await page.locator('#picture-table summary').click();
    await page.locator('#zoom-7d').focus();
    await page.evaluate('scrollTo(0, 300)');
    report = madeUpReport([troubledCluster('main')]);
    await page.clock.runFor(11_000);
    await expect.poll(() => page.locator('h1 .badge').textContent()).toContain('Critical');
    expect(await page.title()).toBe('Critical: main · Archive status');
    expect(await page.locator('#announcement').textContent()).toBe('Critical: main · Archive status');
    expect(await page.evaluate('document.activeElement.id')).toBe('zoom-7d');
    expect(await page.evaluate('scrollY')).toBe(300);
    expect(await page.locator('#picture-rows').isVisible()).toBe(true);
    expect(complaints).toEqual([]);
  });

  test('text that is selected stays selected', async () => {
    const { page } = await openClockedPage('cluster/main');
    await page.evaluate("getSelection().selectAllChildren(document.querySelector('h1'))");
    report = madeUpReport([troubledCluster('main')]);
    const answered = page.waitForResponse((response) => response.url().endsWith('/cluster/main'));
    await page.clock.runFor(11_000);
    await answered;
    expect(await page.evaluate('getSelection().toString()')).toContain('main');
    expect(await page.locator('h1 .badge').textContent()).toContain('OK');
  });

  test('it says so when nothing comes any more, and takes it back', async () => {
    const { page } = await openClockedPage('');
    const port = Number(new URL(url).port);
    await server.close();
    expect(await page.locator('#lost').isVisible()).toBe(false);
    await expect
      .poll(async () => {
        await page.clock.runFor(10_000);
        return await page.locator('#lost').textContent();
      })
      .toMatch(/^This page is \d+ s old: archive-status does not answer/);
    expect(await page.locator('#lost').isVisible()).toBe(true);
    await keepScreenshot(page, 'list-lost');
    await serve();
    await page.route('**/*', async (route) => {
      const { status, body, headers } = await answerOf(url);
      await route.fulfill({ status, body, headers });
    });
    expect(new URL(url).port).not.toBe(String(port));
    await page.clock.runFor(11_000);
    await expect
      .poll(async () => {
        await page.clock.runFor(1_000);
        return await page.locator('#lost').isVisible();
      })
      .toBe(false);
  });

  async function openClockedPage(path: string) {
    const { page, complaints } = await openPage(browser, url + path);
    await page.clock.install();
    await page.reload();
    return { page, complaints };
  }
});

async function answerOf(address: string) {
  const answer = await fetch(address);
  return { status: answer.status, body: await answer.text(), headers: Object.fromEntries(answer.headers) };
}

test('a page behind a token opens for who knows it, in a browser too', async () => {
  await server.close();
  await serve(new Token('correct-horse-battery'));
  const { page } = await openPage(browser, url, {
    httpCredentials: { username: 'anybody', password: 'correct-horse-battery' },
  });
  expect(await page.title()).toBe('Critical: orders · Archive status');
  expect((await fetch(url)).status).toBe(401);
});
