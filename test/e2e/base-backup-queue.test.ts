import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ArchiveHost } from '../support/archive-host.ts';
import { BackupQueueStand } from '../support/backup-queue-stand.ts';
import { waitFor } from '../support/wait-for.ts';

const nothingDiffers = { missing: [], unexpected: [] };
const JOURNAL = '/var/lib/archive2/postgres/base-backup';

describe('base-backup from the queue', () => {
  let stand: BackupQueueStand;
  let arch1: ArchiveHost;
  let arch2: ArchiveHost;

  beforeAll(async () => {
    stand = await BackupQueueStand.create();
    ({ arch1, arch2 } = stand.backups.archive);
  });

  afterAll(async () => {
    await stand?.close();
  });

  const journal = (host: ArchiveHost) => host.files(JOURNAL).filter((name) => name.endsWith('.json'));
  const backupsOn = (host: ArchiveHost) => stand.backups.backups(host);

  test('a call takes the task that is due, and the next one ends quietly with 0', async () => {
    const result = await stand.call(arch1);
    expect(result, result.stderr).toMatchObject({ status: 0 });
    const [task] = await stand.history();
    const record = stand.backups.record(arch1, 'data.master.1');
    expect(task).toMatchObject({
      host: 'arch1',
      state: 'succeeded',
      result: { name: 'data.master.1', startLsn: record.start.lsn, stopLsn: record.stop.lsn, timeline: 1 },
    });
    expect(await stand.call(arch1)).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(await stand.call(arch2)).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(journal(arch1)).toEqual([]);
  });

  test('--now takes one out of turn', async () => {
    expect(await stand.call(arch2, '--cluster', 'main', '--now')).toMatchObject({ status: 0 });
    expect(backupsOn(arch2)).toEqual(['data.master.1']);
    expect(await stand.call(arch2, '--cluster', 'nobody', '--now')).toMatchObject({ status: 53 });
    expect(journal(arch2)).toEqual([]);
  });

  test('94: a queue that goes down during a backup hears of its completion when it is back', async () => {
    await stand.setClock(4);
    const program = stand.begin(arch1, '--max-rate=1M', '--lease=30');
    await waitFor(() => backupsOn(arch1).some((name) => name.endsWith('.partial')), { what: 'the backup to begin' });
    await stand.queue.stop('immediate');
    const result = await program.endWithin(100_000);
    expect(result, result.stderr).toMatchObject({ status: 0 });
    expect(result.stderr).toContain('the next run tells it');
    expect(journal(arch1)).toHaveLength(1);
    expect(await stand.call(arch1)).toMatchObject({ status: 50 });
    expect(journal(arch1)).toHaveLength(1);
    await stand.queue.start();
    const next = await stand.call(arch1);
    expect(next, next.stderr).toMatchObject({ status: 0, stderr: expect.stringContaining('outcome=succeeded') });
    expect(journal(arch1)).toEqual([]);
    const told = (await stand.history()).find(({ result }) => result.name === 'data.master.2');
    expect(told).toMatchObject({ host: 'arch1', state: 'succeeded' });
  });

  test('a worker that was killed leaves no task: the next call on its host ends it, and the next backup is made', async () => {
    await stand.setClock(4);
    const host = (await stand.history())[0]?.host === 'arch1' ? arch2 : arch1;
    const program = stand.begin(host, '--max-rate=1M');
    await waitFor(() => backupsOn(host).some((name) => name.endsWith('.partial')), { what: 'the backup to begin' });
    await program.signal('SIGKILL');
    await program.exited;
    expect((await stand.history())[0]).toMatchObject({ host: host.machine.name, state: 'running' });
    const next = await stand.call(host, '--cluster', 'main', '--now');
    expect(next, next.stderr).toMatchObject({ status: 0 });
    const [last, before] = await stand.history();
    expect(before).toMatchObject({ state: 'failed', error: expect.stringContaining('killed') });
    expect(last).toMatchObject({ host: host.machine.name, state: 'succeeded' });
    expect(backupsOn(host).filter((name) => name.endsWith('.partial'))).toEqual([]);
  });

  test('a server that fails is recorded with its reason', async () => {
    await stand.setClock(4);
    const { primary } = stand.backups;
    await primary.stop();
    const result = await stand.call(arch1, '--cluster', 'main', '--now');
    expect(result).toMatchObject({ status: 60 });
    expect((await stand.history())[0]).toMatchObject({
      state: 'failed',
      error: expect.stringContaining('does not answer'),
    });
    await primary.start();
    await stand.backups.ledger.reconnect();
  });

  test('SIGTERM is recorded as a failure, with its reason', async () => {
    const program = stand.begin(arch1, '--cluster', 'main', '--now', '--max-rate=1M');
    await waitFor(() => backupsOn(arch1).some((name) => name.endsWith('.partial')), { what: 'the backup to begin' });
    await program.signal('SIGTERM');
    expect(await program.endWithin(30_000)).toMatchObject({ status: 64 });
    expect((await stand.history())[0]).toMatchObject({ state: 'failed', error: expect.stringContaining('SIGTERM') });
    expect(journal(arch1)).toEqual([]);
  });

  test('97: a task that was given to another worker: the backup is kept and that is said', async () => {
    const program = stand.begin(arch1, '--cluster', 'main', '--now', '--max-rate=1M', '--lease=5');
    await waitFor(() => backupsOn(arch1).some((name) => name.endsWith('.partial')), { what: 'the backup to begin' });
    // As a machine that was suspended: it does not beat, its lease ends, and somebody else takes the task.
    await program.signal('SIGSTOP');
    await stand.setClock(1);
    expect(await stand.call(arch2, '--cluster', 'main', '--now')).toMatchObject({ status: 0 });
    await program.signal('SIGCONT');
    const result = await program.endWithin(60_000);
    expect(result, result.stderr).toMatchObject({ status: 55 });
    expect(result.stdout).toContain('is complete');
    expect(journal(arch1)).toEqual([]);
    expect(backupsOn(arch1).filter((name) => name.endsWith('.partial'))).toEqual([]);
  });

  test('restores on the end: the newest of each host, with all rows', async () => {
    await stand.backups.write(2);
    for (const host of [arch1, arch2]) {
      const server = await stand.backups.restore(host, backupsOn(host).at(-1) ?? '');
      expect(await stand.backups.ledger.difference(server)).toEqual(nothingDiffers);
      await server.stop('immediate');
    }
  });
});

describe('20 periods with failures, in compressed time', () => {
  test('the hosts take turns, each keeps its two newest, no task is left over, and what is kept restores', async () => {
    const stand = await BackupQueueStand.create();
    const { arch1, arch2 } = stand.backups.archive;
    const hosts = [arch1, arch2];
    // Of both hosts together one every 2 days.
    const period = 2;
    const failures: Record<number, 'host down' | 'worker killed' | 'server fails'> = {
      4: 'worker killed',
      7: 'host down',
      10: 'server fails',
      13: 'worker killed',
      16: 'host down',
    };
    try {
      for (let round = 0; round < 20; round += 1) {
        await stand.backups.write(1);
        const failure = failures[round];
        const down = failure === 'host down' ? hosts[round % 2] : undefined;
        if (down !== undefined) await down.machine.kill9();
        if (failure === 'server fails') await stand.backups.primary.setArchiveCommand('/bin/false');
        let isKilled = false;
        // Cron, as far as it matters: both ask within 6 hours before a time at which a task may be due, so that none seems away.
        for (const step of [0.1, period - 0.4, 0.2]) {
          await stand.setClock(step);
          for (const host of hosts.filter((it) => it !== down)) {
            if (failure === 'worker killed' && !isKilled) {
              const program = stand.begin(host, '--max-rate=2M');
              const hasBegun = () => stand.backups.backups(host).some((name) => name.endsWith('.partial'));
              await waitFor(() => hasBegun() || !program.isRunning, { what: 'the worker to begin or end' });
              isKilled = hasBegun();
              await program.kill();
              continue;
            }
            const { status, stderr } = await stand.call(host, '--wal-wait=2');
            if (failure === undefined || failure === 'worker killed') expect(status, stderr).toBe(0);
          }
        }
        await stand.setClock(0.1);
        if (failure === 'server fails')
          await stand.backups.primary.setArchiveCommand(stand.backups.archive.archiveCommand());
        if (down !== undefined) {
          await down.machine.boot();
          await down.startSshd();
        }
      }
      const history = (await stand.history()).toReversed();
      expect(history.filter(({ state }) => state === 'running')).toEqual([]);
      const good = history.filter(({ state }) => state === 'succeeded');
      // 20 periods, of which a failure may delay or cost one each.
      expect(good.length).toBeGreaterThanOrEqual(16);
      expect(good.length).toBeLessThanOrEqual(21);
      expect(history.some(({ state }) => state === 'failed')).toBe(true);
      const inTurn = good.filter((task, index) => index > 0 && good[index - 1]?.host !== task.host);
      const sequence = history
        .map(({ host, state, startedAt }) => `${startedAt.slice(5, 16)} ${host} ${state}`)
        .join('\n');
      expect(inTurn.length, sequence).toBeGreaterThanOrEqual(12);
      for (let index = 1; index < good.length; index += 1) {
        const gapMs = Date.parse(good[index]!.startedAt) - Date.parse(good[index - 1]!.startedAt);
        expect(gapMs).toBeLessThanOrEqual(2 * period * 24 * 3600 * 1000);
      }
      await stand.backups.write(2);
      for (const host of hosts) {
        const kept = stand.backups.backups(host);
        expect(
          kept.every((name) => /^data\.master\.\d+$/.test(name)),
          kept.join(' '),
        ).toBe(true);
        expect(kept).toHaveLength(2);
        for (const name of kept) expect(stand.backups.record(host, name).verified).toBe(true);
        const server = await stand.backups.restore(host, kept[0] ?? '');
        expect(await stand.backups.ledger.difference(server)).toEqual(nothingDiffers);
        await server.stop('immediate');
      }
    } finally {
      await stand.close();
    }
  }, 600_000);
});
