import { rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type PayReport, payDebts } from '../../../packages/archive_remote_cmd/src/pay/pay-debts.ts';
import { Debts } from '../../../packages/core/src/archive/debts.ts';
import { Failure } from '../../../packages/core/src/base/failure.ts';
import { RateLimit } from '../../../packages/core/src/base/rate-limit.ts';
import type { NewEvent } from '../../../packages/core/src/files/event-text.ts';
import type { ArchiveSession } from '../../../packages/core/src/hosts/archive-session.ts';
import { waitFor } from '../../support/wait-for.ts';
import { store } from '../archive/test-store.ts';
import { nameOf, plain, segment } from '../archive/wal-segment.ts';
import { ManualClock } from '../session/manual-clock.ts';
import { type RecordedLog, recordedLog } from '../session/recorded-log.ts';
import { connect, TestHost } from '../session/test-host.ts';

interface Paying {
  host: TestHost;
  peer: TestHost;
  debts: Debts;
  clock: ManualClock;
  stop: AbortController;
  recorded: RecordedLog;
  told: NewEvent[];
  owe: (name: string, seed?: number) => Promise<void>;
  pay: (open?: () => Promise<ArchiveSession>) => Promise<PayReport>;
}

/** A host that owes its peer, both real, and a payer that is not running yet. */
async function paying({ bytesPerSecond = 0 } = {}): Promise<Paying> {
  const [host, peer] = [await TestHost.open(), await TestHost.open({ rights: ['sync'] })];
  const debts = new Debts(host.directory, 'arch2');
  const [clock, stop, recorded] = [new ManualClock(), new AbortController(), recordedLog()];
  const told: NewEvent[] = [];
  return {
    host,
    peer,
    debts,
    clock,
    stop,
    recorded,
    told,
    async owe(name, seed = 1) {
      const form = name.endsWith('.history') ? plain(name, '1\t0/1\tx\n') : await segment(name, { seed });
      await store(host.store, form);
      await debts.record(form.file.name);
    },
    pay: (open = async () => (await connect(peer)).session) =>
      payDebts({
        store: host.store,
        debts,
        connect: open,
        probeIntervalMs: 2000,
        rate: new RateLimit(bytesPerSecond, clock),
        clock,
        log: recorded.log,
        signal: stop.signal,
        tell: (event) => void told.push(event),
      }),
  };
}

async function owed(debts: Debts): Promise<string[]> {
  return (await debts.list()).map(({ name }) => name);
}

describe('debts', () => {
  test('are paid history files first, then the oldest, and nothing is owed any more', async () => {
    const world = await paying();
    for (const name of [nameOf(3), nameOf(1), '00000002.history', nameOf(2)]) await world.owe(name);
    expect(await world.pay()).toEqual({ paid: 4, unpayable: [] });
    expect(world.peer.published).toEqual(['00000002.history', nameOf(1), nameOf(2), nameOf(3)]);
    expect(await owed(world.debts)).toEqual([]);
  });

  test('that the peer has got meanwhile are settled', async () => {
    const world = await paying();
    await world.owe(nameOf(1));
    await store(world.peer.store, await segment(nameOf(1)));
    expect(await world.pay()).toEqual({ paid: 1, unpayable: [] });
    expect(world.peer.published).toEqual([nameOf(1)]);
  });

  test('of files that were removed are dropped', async () => {
    const world = await paying();
    await world.owe(nameOf(1));
    rmSync(world.host.directory.walFile(nameOf(1)));
    expect(await world.pay()).toEqual({ paid: 1, unpayable: [] });
    expect(world.peer.published).toEqual([]);
    expect(await owed(world.debts)).toEqual([]);
  });

  test('that nobody marked are found by comparing the newest names, and paid', async () => {
    const world = await paying();
    await store(world.host.store, await segment(nameOf(1)));
    await world.owe(nameOf(2));
    expect((await world.pay()).paid).toBe(2);
    expect(world.peer.published.sort()).toEqual([nameOf(1), nameOf(2)]);
  });

  test('wait for a peer that is away, which is said once', async () => {
    const world = await paying();
    await world.owe(nameOf(1));
    let attempts = 0;
    const paid = world.pay(async () => {
      attempts += 1;
      if (attempts <= 3) throw new Failure('host_unreachable', 'connection refused');
      return (await connect(world.peer)).session;
    });
    for (let round = 1; round <= 3; round++) {
      await waitFor(() => attempts === round && world.clock.sleeperCount === 1, { what: 'the payer to wait' });
      expect(await owed(world.debts)).toEqual([nameOf(1)]);
      world.clock.advance(2000);
    }
    expect((await paid).paid).toBe(1);
    expect(world.recorded.lines.filter((line) => line.includes('peer is away'))).toHaveLength(1);
    expect(world.told).toEqual([
      { event: 'debts-recorded', count: 1 },
      { event: 'peer-away', owed: 1, reason: 'connection refused' },
      { event: 'peer-back', owed: 1 },
    ]);
  });

  test('stay when the peer is lost in the middle, and are paid with the next session', async () => {
    const world = await paying();
    for (const number of [1, 2, 3]) await world.owe(nameOf(number));
    let attempts = 0;
    const paid = world.pay(async () => {
      attempts += 1;
      const { session, channel } = await connect(world.peer);
      if (attempts > 1) return session;
      const { store: peerStore } = world.peer;
      const note = peerStore.notePublished.bind(peerStore);
      peerStore.notePublished = async (file) => {
        peerStore.notePublished = note;
        await note(file);
        channel.far.destroy();
      };
      return session;
    });
    await waitFor(() => world.clock.sleeperCount === 1, { what: 'the payer to wait' });
    expect(await owed(world.debts), 'published there, but not confirmed').toContain(nameOf(1));
    world.clock.advance(2000);
    await paid;
    expect(await owed(world.debts)).toEqual([]);
    expect(world.peer.published.sort()).toEqual([1, 2, 3].map((number) => nameOf(number)));
  });
});

describe('a debt that needs a person', () => {
  test('because the peer holds other content stays, is named, and keeps nobody else from being paid', async () => {
    const world = await paying();
    await store(world.peer.store, await segment(nameOf(1), { seed: 9 }));
    for (const number of [1, 2]) await world.owe(nameOf(number));
    const report = await world.pay();
    expect(report.unpayable.map(({ name }) => name)).toEqual([nameOf(1)]);
    expect(report.paid).toBe(1);
    expect(await owed(world.debts)).toEqual([nameOf(1)]);
    expect(world.recorded.lines.join('\n')).toContain('code=conflict');
  });

  test('because the file is damaged stays, and nothing damaged is passed on', async () => {
    const world = await paying();
    await world.owe(nameOf(1));
    writeFileSync(world.host.directory.walFile(nameOf(1)), 'damaged');
    const report = await world.pay();
    expect(report.unpayable.map(({ name }) => name)).toEqual([nameOf(1)]);
    expect(world.peer.published).toEqual([]);
    expect(await owed(world.debts)).toEqual([nameOf(1)]);
  });
});

test('a payer that is told to end does so while it waits', async () => {
  const world = await paying();
  await world.owe(nameOf(1));
  const paid = world.pay(() => Promise.reject(new Failure('host_unreachable', 'connection refused')));
  await waitFor(() => world.clock.sleeperCount === 1, { what: 'the payer to wait' });
  world.stop.abort();
  expect(await paid).toEqual({ paid: 0, unpayable: [] });
  expect(await owed(world.debts)).toEqual([nameOf(1)]);
});

test('a payer leaves room for live WAL: it sends no more than its rate', async () => {
  const { stored } = await segment(nameOf(1));
  const world = await paying({ bytesPerSecond: stored.length });
  for (const number of [1, 2]) await world.owe(nameOf(number));
  const paid = world.pay();
  // A file a second, and a quarter of one at once.
  for (let round = 0; round < 40 && world.peer.published.length < 2; round++) {
    await waitFor(() => world.clock.sleeperCount > 0 || world.peer.published.length === 2, {
      what: 'the payer to wait',
    });
    expect(world.peer.published.length).toBeLessThanOrEqual(Math.floor((round * 100) / 1000 + 0.25 + 0.1));
    world.clock.advance(100);
  }
  expect((await paid).paid).toBe(2);
});
