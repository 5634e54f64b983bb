import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const OUTPUT_DIRECTORY = join(import.meta.dirname, '../../../test-output/archive-status');
const PAGE_FACTS = readFileSync(join(import.meta.dirname, 'page-facts.browser.mjs'), 'utf8');

/** What page-facts.browser.mjs says. */
export interface PageFacts {
  faint: { text: string; ratio: number; isLarge: boolean }[];
  textCount: number;
  headings: number[];
  landmarks: string[];
  picturesWithoutWords: number;
  emptyLabels: number;
  repeatedIds: string[];
  labelsOfNothing: number;
  overflowPx: number;
}

/** A page in a real browser, with all that it complains about. */
export interface WatchedPage {
  page: Page;
  /** Errors, violations of the policy, dialogs, and requests to anywhere else than the first one's origin. */
  complaints: string[];
}

/** Debian's Chromium. Its sandbox needs what root in a container has not. */
export async function launchChromium(): Promise<Browser> {
  return await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--no-proxy-server'],
  });
}

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  const { origin } = new URL(url);
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    dialog.dismiss().catch(() => undefined);
  });
  page.on('request', (request) => {
    const requested = request.url();
    if (!requested.startsWith('data:') && new URL(requested).origin !== origin)
      complaints.push(`request: ${requested}`);
  });
  await page.addInitScript({
    content:
      "addEventListener('securitypolicyviolation', (event) => console.error('violates ' + event.violatedDirective));",
  });
  await page.goto(url);
  return { page, complaints };
}

export async function factsOf(page: Page): Promise<PageFacts> {
  return (await page.evaluate(PAGE_FACTS)) as PageFacts;
}

/** Kept for a person to look at: test-output/archive-status/NAME.png. */
export async function keepScreenshot(page: Page, name: string): Promise<void> {
  mkdirSync(OUTPUT_DIRECTORY, { recursive: true });
  await page.screenshot({ path: join(OUTPUT_DIRECTORY, `${name}.png`), fullPage: true });
}
