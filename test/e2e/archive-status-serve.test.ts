/** archive-status serve beside real hosts, servers and a queue, while they hang and go: answers within 2 s, and never a false green. */
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keepScreenshot, launchChromium, openPage } from '../support/browser/chromium.ts';
import type { Program } from '../support/program.ts';
import { StatusStand } from '../support/status-stand.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Samples, samplesIn } from '../unit/archive-status/serve/samples-in.ts';

const CONFIG = '/srv/status.conf';
const TOKEN = 'correct-horse-battery';
const authorization = `Bearer ${TOKEN}`;

describe('archive-status serve', () => {
  let stand: StatusStand;
  let program: Program;
  let url = '';

  beforeAll(async () => {
    stand = await StatusStand.create();
    const backup = await stand.beginBackup(stand.backups.archive.arch1).endWithin(60_000);
    expect(backup, backup.stderr).toMatchObject({ status: 0 });
    await stand.recordDrill(true);
    await stand.backups.write(1);
    const { monitor: machine } = stand;
    machine.writeFile('/srv/token', `${TOKEN}\n`);
    url = `http://${machine.address}:9187`;
    program = serve('--listen', `${machine.address}:9187`, '--token-file', '/srv/token');
    await waitFor(async () => (await get('/health')).status === 200, {
      what: 'the exporter to know something',
      timeoutMs: 20_000,
    });
  }, 180_000);

  afterAll(async () => {
    await stand?.close();
  });

  function serve(...words: string[]): Program {
    const { monitor, programPath } = stand;
    const started = monitor.spawn([
      programPath,
      'serve',
      '--config',
      CONFIG,
      '--interval',
      '1',
      '--timeout',
      '3',
      ...words,
    ]);
    started.input.end();
    return started;
  }

  /** Every answer of this file is within 2 s, or its test fails. */
  async function get(path: string): Promise<{ status: number; body: string }> {
    const begunMs = performance.now();
    const answer = await fetch(url + path, { headers: { authorization } });
    const body = await answer.text();
    expect(performance.now() - begunMs, `${path} took too long`).toBeLessThan(2_000);
    return { status: answer.status, body };
  }

  const metrics = async (): Promise<Samples> => samplesIn((await get('/metrics')).body);

  async function metricsUntil(what: string, isSo: (samples: Samples) => boolean): Promise<Samples> {
    const isReached = async () => {
      const samples = await metrics();
      return isSo(samples) ? samples : undefined;
    };
    return await waitFor(isReached, { what, timeoutMs: 30_000, intervalMs: 200 });
  }

  test('of a cluster that is well it says so: page, metrics and JSON are of one mind', async () => {
    const samples = await metricsUntil(
      'all to be well',
      (now) => now.value('archive2_check_status', { cluster: 'main' }) === 0,
    );
    const arch1 = { cluster: 'main', host: 'arch1' };
    expect(samples.value('backup_status', arch1)).toBe(1);
    expect(samples.value('archive2_host_up', arch1)).toBe(1);
    expect(samples.value('backup_verification_failed', arch1)).toBe(0);
    expect(samples.value('archive2_drill_rto_seconds', arch1)).toBe(41);
    expect(samples.value('archive2_wal_holes', { cluster: 'main' })).toBe(0);
    expect(samples.value('archive2_coverage_seconds', { cluster: 'main' })).toBeGreaterThan(0);
    expect(samples.value('last_successful_backup_timestamp', arch1)).toBeGreaterThan(Date.now() / 1000 - 600);
    expect(samples.value('disk_usage_percent', arch1)).toBeGreaterThan(0);
    expect(samples.value('archive2_server_primary', { server: stand.nameOf(stand.backups.primary) })).toBe(1);
    expect((await get('/')).body).toContain('<title>OK · Archive status</title>');
    expect(JSON.parse((await get('/api/status')).body)).toMatchObject({
      schema: 1,
      verdicts: [{ cluster: 'main', level: 'ok' }],
    });
  });

  test('its metrics are to the taste of promtool', async () => {
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input: (await get('/metrics')).body,
      encoding: 'utf8',
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  test('nobody without the token learns anything, and no other address is served without one', async () => {
    for (const path of ['/', '/metrics', '/api/status', '/health']) expect((await fetch(url + path)).status).toBe(401);
    const open = await serve('--listen', `${stand.monitor.address}:9188`).endWithin(10_000);
    expect(open).toMatchObject({ status: 2 });
    expect(open.stderr).toContain('can be reached from other machines, so it needs --token-file');
    const twice = await serve('--listen', `${stand.monitor.address}:9187`, '--token-file', '/srv/token').endWithin(
      10_000,
    );
    expect(twice).toMatchObject({ status: 40 });
  });

  test('101: a host hangs, the queue is down, the primary is gone: it answers, and what is not known is not OK', async () => {
    const { primary, archive } = stand.backups;
    archive.arch2.machine.freeze();
    try {
      const hung = await metricsUntil(
        'arch2 to be down',
        (now) => now.value('archive2_host_up', { host: 'arch2' }) === 0,
      );
      expect(hung.value('archive2_host_up', { host: 'arch1' })).toBe(1);
      expect(hung.value('disk_usage_percent', { host: 'arch2' })).toBeUndefined();
      expect(hung.value('archive2_wal_single_copies', { host: 'arch1' })).toBeUndefined();
      expect(hung.value('archive2_check_status', { cluster: 'main' })).not.toBe(0);

      await stand.queue.stop('immediate');
      await primary.stop('immediate');
      const dark = await metricsUntil(
        'queue and primary to be down',
        (now) =>
          now.value('archive2_source_up', { source: 'queue' }) === 0 &&
          now.value('archive2_server_up', { server: stand.nameOf(primary) }) === 0,
      );
      expect(dark.value('archive2_server_primary', { server: stand.nameOf(primary) })).toBeUndefined();
      expect(dark.value('backup_status', { host: 'arch1' })).toBeUndefined();
      expect(dark.value('archive2_status_age_seconds', {})).toBeLessThan(30);
      await Promise.all(
        Array.from({ length: 30 }, (_, index) =>
          get(['/', '/metrics', '/api/status', '/cluster/main'][index % 4] ?? '/'),
        ),
      );
      await lookAtTrouble();
    } finally {
      archive.arch2.machine.thaw();
    }
    await stand.queue.start();
    await primary.start();
    await primary.waitForArchived(await primary.switchWal());
    await metricsUntil('all to be well again', (now) => now.value('archive2_check_status', { cluster: 'main' }) === 0);
  });

  async function lookAtTrouble(): Promise<void> {
    const browser = await launchChromium();
    try {
      const { page, complaints } = await openPage(browser, `${url}/cluster/main`, {
        httpCredentials: { username: 'anybody', password: TOKEN },
      });
      const text = (await page.locator('main').textContent()) ?? '';
      expect(text).toMatch(/arch2/);
      expect(await page.locator('h1 .badge').textContent()).not.toContain('OK');
      expect(await page.locator('#host-rows').textContent()).toContain('was: ');
      expect(await page.locator('#source-rows').textContent()).toMatch(/queue\s*no/);
      expect(await page.locator('section', { hasText: 'Backup queue' }).first().textContent()).toContain('Not known');
      expect(complaints).toEqual([]);
      await keepScreenshot(page, 'stand-trouble');
      await page.goto(`${url}/`);
      await keepScreenshot(page, 'stand-trouble-list');
    } finally {
      await browser.close();
    }
  }

  test('writes its metrics to a file for node_exporter, whole and readable', async () => {
    const words = ['serve', '--config', CONFIG, '--timeout', '8', '--textfile', '/srv/archive2.prom'];
    const { status, stderr } = await stand.monitor.run([stand.programPath, ...words]);
    expect(status, stderr).toBe(0);
    const path = stand.monitor.path('/srv/archive2.prom');
    expect(statSync(path).mode & 0o777).toBe(0o644);
    const samples = samplesIn(readFileSync(path, 'utf8'));
    expect(samples.value('archive2_host_up', { host: 'arch1' })).toBe(1);
    expect(samples.value('archive2_status_timestamp_seconds', {})).toBeGreaterThan(Date.now() / 1000 - 60);
    expect(samples.value('archive2_status_age_seconds', {})).toBeUndefined();
  });

  test('ends with 0 when it is told to, and leaves nothing', async () => {
    await program.signal('SIGTERM');
    expect(await program.endWithin(15_000)).toMatchObject({ status: 0 });
    expect(stand.monitor.processes('archive-status')).toEqual([]);
  });
});
