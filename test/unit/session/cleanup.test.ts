import { readdirSync, rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Tombstones } from '../../../packages/core/src/archive/tombstones.ts';
import { parseCleanupReport } from '../../../packages/core/src/backups/cleanup-report.ts';
import {
  formatHostView,
  type HostView,
  parseHostView,
  viewHost,
} from '../../../packages/core/src/backups/host-view.ts';
import { maxPins, Pins } from '../../../packages/core/src/backups/pins.ts';
import { systemClock } from '../../../packages/core/src/base/clock.ts';
import { listNewestNames, type PinRequest, pinWal } from '../../../packages/core/src/hosts/ask.ts';
import { type CleanupProposal, proposeCleanup, requestView } from '../../../packages/core/src/hosts/ask-document.ts';
import type { Right } from '../../../packages/core/src/protocol/messages.ts';
import { parseArchiveFileName } from '../../../packages/core/src/wal/archive-file.ts';
import { store } from '../archive/test-store.ts';
import { nameOf, segment } from '../archive/wal-segment.ts';
import { identity, makeOldBackup, makeOwnBackup, makeWal, nowMs, segments } from '../backups/backup-files.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { connect, type HostOptions, TestHost } from './test-host.ts';

const clock = { ...systemClock, nowMs: () => nowMs };

/** A host with an identity, segments 1 to 20, and a complete backup that begins in 8. */
async function host(rights: Right[] = ['sync'], cleanup: HostOptions['cleanup'] = {}): Promise<TestHost> {
  const it = await TestHost.open({ rights, clock, cleanup });
  await store(it.store, await segment(nameOf(1)));
  makeWal(it.directory, segments(1, 20));
  makeOldBackup(it.directory, 'data.master.1', 8);
  return it;
}

const wal = ({ directory }: TestHost) => readdirSync(directory.walDirectory).sort();

async function viewOf({ directory }: TestHost, fields: Partial<HostView> = {}): Promise<Buffer> {
  return formatHostView({ ...(await viewHost(directory, identity, [], nowMs)), ...fields });
}

const proposal = (fields: Partial<CleanupProposal> = {}): CleanupProposal => ({
  dryRun: false,
  keepSeconds: 0,
  ...fields,
});

describe('a proposed cleanup', () => {
  test('removes what neither host needs, and reports it', async () => {
    const [here, there] = [await host(), await host()];
    makeOwnBackup(here.directory, 'data.master.2', 5);
    const { session } = await connect(there);
    const dry = parseCleanupReport(await proposeCleanup(session, proposal({ dryRun: true }), await viewOf(here)));
    expect(dry).toMatchObject({ dryRun: true, removed: 0, removeBelow: 5n, timelines: [{ files: 4 }] });
    expect(wal(there)).toEqual(segments(1, 20));
    const done = parseCleanupReport(await proposeCleanup(session, proposal(), await viewOf(here)));
    expect(done).toMatchObject({ removed: 4, oldestNeeded: { segment: nameOf(5), holder: 'backup data.master.2' } });
    expect(wal(there)).toEqual(segments(5, 20));
  });

  test('drops the tombstones of what the proposer has removed already', async () => {
    const [here, there] = [await host(), await host()];
    const { session } = await connect(there);
    await proposeCleanup(session, proposal({ clearedBelow: '6' }), await viewOf(here));
    expect([...(await new Tombstones(there.directory).names())].sort()).toEqual(segments(6, 7));
  });

  test('is refused by a host without a complete backup, whatever the proposer says of its own', async () => {
    const [here, there] = [await host(), await host()];
    rmSync(`${there.directory.path}/data.master.1`, { recursive: true });
    const { session } = await connect(there);
    await failureFrom('cleanup_refused', proposeCleanup(session, proposal(), await viewOf(here)));
    expect(wal(there)).toEqual(segments(1, 20));
  });

  test('is carried out by a host without a complete backup that is set to trust its peer', async () => {
    const [here, there] = [await host(), await host(['sync'], { trustPeerBackups: true })];
    rmSync(`${there.directory.path}/data.master.1`, { recursive: true });
    const { session } = await connect(there);
    await proposeCleanup(session, proposal(), await viewOf(here));
    expect(wal(there)).toEqual(segments(8, 20));
  });

  test('never goes beyond what the own backups need, or the share that the host allows', async () => {
    const [here, there] = [await host(), await host()];
    const { session } = await connect(there);
    const nothing = await viewOf(here, { protections: [] });
    await proposeCleanup(session, proposal(), nothing);
    expect(wal(there)).toEqual(segments(8, 20));
    makeOldBackup(there.directory, 'data.master.1', 17);
    await failureFrom('cleanup_refused', proposeCleanup(session, proposal(), nothing));
    expect(wal(there)).toEqual(segments(8, 20));
  });

  test('with a view that cannot be read removes nothing', async () => {
    const there = await host();
    const { session } = await connect(there);
    await failureFrom('protocol', proposeCleanup(session, proposal(), Buffer.from('{}')));
    expect(wal(there)).toEqual(segments(1, 20));
    expect(session.isOpen).toBe(true);
  });

  test.each<Right[]>([['get'], ['put']])('is not for a key with the right %s', async (right) => {
    const there = await host([right]);
    const { session } = await connect(there);
    const view = await viewOf(await host());
    await failureFrom('not_allowed', proposeCleanup(session, proposal(), view));
    await failureFrom('not_allowed', requestView(session, []));
    expect(wal(there)).toEqual(segments(1, 20));
  });
});

describe('a view of the other host', () => {
  test('has its backups and pins, and which of the segments asked about it lacks', async () => {
    const there = await host();
    await new Pins(there.directory).set(
      { id: 'drill-0123456789abcdef', holder: 'drill', from: identityPlace(), expiresMs: nowMs + 1000 },
      nowMs,
    );
    const { session } = await connect(there);
    const view = parseHostView(await requestView(session, [nameOf(3), nameOf(30)]));
    expect(view.protections.map(({ holder, permits }) => [holder, permits])).toEqual([
      ['backup data.master.1', true],
      ['pin of drill', false],
    ]);
    expect(view.missing).toEqual([nameOf(30)]);
    expect(view.nowMs).toBe(nowMs);
  });

  test('is not had for names that are none', async () => {
    const { session } = await connect(await host());
    await failureFrom('protocol', requestView(session, ['../x']));
  });
});

function identityPlace() {
  const file = parseArchiveFileName(nameOf(4));
  return { timeline: file.timeline, lsn: 0x400000n as never };
}

describe('the newest names', () => {
  test('have those that were cleaned up, so that nobody sends them again', async () => {
    const there = await host();
    const names = segments(1, 3).map((text) => parseArchiveFileName(text).name);
    await new Tombstones(there.directory).bury(names, nowMs);
    for (const name of names.slice(0, 2)) rmSync(there.directory.walFile(name));
    const { session } = await connect(there);
    expect((await listNewestNames(session, 256)).sort()).toEqual(segments(1, 20));
    expect(await listNewestNames(session, 18)).toEqual(segments(3, 20));
  });
});

describe('a pin', () => {
  const request = (fields: Partial<PinRequest> = {}): PinRequest => ({
    pin: 'restore-0123456789abcdef',
    holder: 'db2',
    timeline: 1,
    from: '0/500028',
    ttlSeconds: 60,
    ...fields,
  });

  test('of a server that restores holds WAL, is prolonged, and ends', async () => {
    const there = await host(['get']);
    const { session } = await connect(there);
    await pinWal(session, request());
    await pinWal(session, request({ ttlSeconds: 120 }));
    expect(await new Pins(there.directory).list()).toMatchObject([
      { holder: 'db2', from: { timeline: 1, lsn: 0x500028n }, expiresMs: nowMs + 120_000 },
    ]);
    await pinWal(session, request({ ttlSeconds: 0 }));
    expect(await new Pins(there.directory).list()).toEqual([]);
  });

  test.each([
    ['that is longer than a day', { ttlSeconds: 86_401 }],
    ['of no timeline', { timeline: 0 }],
    ['from nowhere', { from: 'here' }],
    ['with a path for its id', { pin: '../../../../etc/cron.d' }],
    ['of somebody with control characters', { holder: 'db2\u001b[2J' }],
  ])('%s is refused', async (_what, fields) => {
    const there = await host(['get']);
    const { session } = await connect(there);
    await failureFrom('usage', pinWal(session, request(fields)));
    expect(await new Pins(there.directory).list()).toEqual([]);
    expect(session.isOpen).toBe(true);
  });

  test('is one of a bounded number', async () => {
    const there = await host(['get']);
    const { session } = await connect(there);
    for (let number = 0; number < maxPins; number += 1)
      await pinWal(session, request({ pin: `restore-of-db2-${number + 100}` }));
    await failureFrom('busy', pinWal(session, request()));
    await pinWal(session, request({ pin: 'restore-of-db2-100', ttlSeconds: 0 }));
    await pinWal(session, request());
  });

  test('is not for a key that may only put', async () => {
    const { session } = await connect(await host(['put']));
    await failureFrom('not_allowed', pinWal(session, request()));
  });
});
