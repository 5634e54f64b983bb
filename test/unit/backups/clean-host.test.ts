import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { ClusterDirectory } from '../../../packages/core/src/archive/cluster-directory.ts';
import { Debts } from '../../../packages/core/src/archive/debts.ts';
import { Tombstones } from '../../../packages/core/src/archive/tombstones.ts';
import { cleanHost, type HostCleanup } from '../../../packages/core/src/backups/clean-host.ts';
import { cleanupLock } from '../../../packages/core/src/backups/cleanup-state.ts';
import { dropTombstonesBelow } from '../../../packages/core/src/backups/drop-tombstones.ts';
import {
  formatHostView,
  type HostView,
  parseHostView,
  viewHost,
} from '../../../packages/core/src/backups/host-view.ts';
import { Pins } from '../../../packages/core/src/backups/pins.ts';
import { Activity } from '../../../packages/core/src/base/activity.ts';
import { systemClock } from '../../../packages/core/src/base/clock.ts';
import { tryLock } from '../../../packages/core/src/files/lock.ts';
import { parseArchiveFileName } from '../../../packages/core/src/wal/archive-file.ts';
import { timelineFromNumber } from '../../../packages/core/src/wal/timeline-id.ts';
import { clusterDirectory } from '../archive/test-store.ts';
import { nameOf } from '../archive/wal-segment.ts';
import { failureFrom } from '../base/expect-failure.ts';
import {
  backupMs,
  identity,
  labelText,
  lsnIn,
  makeBackup,
  makeOldBackup,
  makeOwnBackup,
  makeWal,
  nowMs,
  segments,
  walMs,
} from './backup-files.ts';
import { size } from './wal-world.ts';

const clock = { ...systemClock, nowMs: () => nowMs };

function clean(cluster: ClusterDirectory, options: Partial<HostCleanup> = {}) {
  return cleanHost({
    cluster,
    identity,
    peer: undefined,
    alsoProtected: [],
    keepMs: 0,
    maxRemoveFraction: 0.5,
    force: false,
    trustClock: false,
    askedBy: 'arch1',
    mustPermitItself: false,
    dryRun: false,
    announce: async () => undefined,
    clock,
    activity: new Activity(),
    ...options,
  });
}

/** Segments 1 to 20 and a complete backup that begins in 8. */
function archive(): ClusterDirectory {
  const cluster = clusterDirectory();
  makeWal(cluster, segments(1, 20));
  makeOldBackup(cluster, 'data.master.1', 8);
  return cluster;
}

const wal = (cluster: ClusterDirectory) => readdirSync(cluster.walDirectory).sort();
const everything = ({ path }: ClusterDirectory) => readdirSync(path, { recursive: true, encoding: 'utf8' }).sort();
const viewOf = (cluster: ClusterDirectory): Promise<HostView> => viewHost(cluster, identity, [], nowMs);
const pinAt = (segment: number) => ({
  id: 'drill-0123456789abcdef',
  holder: 'drill',
  from: { timeline: timelineFromNumber(1)!, lsn: lsnIn(segment) },
  expiresMs: nowMs + 60_000,
});

async function refused(
  cluster: ClusterDirectory,
  options: Partial<HostCleanup> = {},
  code = 'cleanup_refused' as const,
) {
  const before = wal(cluster);
  const failure = await failureFrom(code, clean(cluster, options));
  expect(wal(cluster)).toEqual(before);
  return failure;
}

describe('a cleanup', () => {
  test('removes what lies before the oldest backup, and says what it was', async () => {
    const cluster = archive();
    makeWal(cluster, [
      '00000002.history',
      `${nameOf(3)}.partial`,
      `${nameOf(2)}.00000028.backup`,
      `${nameOf(8)}.00000028.backup`,
    ]);
    const report = await clean(cluster);
    expect(wal(cluster)).toEqual(['00000002.history', `${nameOf(8)}.00000028.backup`, ...segments(8, 20)].sort());
    expect(report).toMatchObject({
      files: 24,
      removed: 9,
      removeBelow: 8n,
      oldestNeeded: { segment: nameOf(8), holder: 'backup data.master.1' },
      timelines: [{ timeline: 1, files: 9, first: nameOf(1), last: nameOf(7) }],
    });
  });

  test('done again removes nothing', async () => {
    const cluster = archive();
    await clean(cluster);
    expect(await clean(cluster)).toMatchObject({ files: 13, removed: 0, timelines: [] });
  });

  test('tells its plan before it removes anything', async () => {
    const cluster = archive();
    let seen = 0;
    await clean(cluster, {
      announce: async ({ timelines }) => {
        seen = wal(cluster).length;
        expect(timelines).toMatchObject([{ files: 7 }]);
      },
    });
    expect([seen, wal(cluster).length]).toEqual([20, 13]);
  });

  test('that is a dry run changes nothing at all', async () => {
    const cluster = archive();
    const before = everything(cluster);
    expect(await clean(cluster, { dryRun: true })).toMatchObject({ removed: 0, timelines: [{ files: 7 }] });
    expect(everything(cluster)).toEqual(before);
  });

  test('heeds the backups and pins of the peer', async () => {
    const [cluster, other] = [archive(), archive()];
    makeOwnBackup(other, 'data.master.2', 5);
    await clean(cluster, { peer: { name: 'arch2', view: await viewOf(other) } });
    expect(wal(cluster)).toEqual(segments(5, 20));
    await new Pins(other).set(pinAt(6), nowMs);
    rmSync(`${other.path}/data.master.2`, { recursive: true });
    await clean(cluster, { peer: { name: 'arch2', view: await viewOf(other) } });
    expect(wal(cluster)).toEqual(segments(6, 20));
  });

  test('keeps what was written since the newest complete backup began: WAL after a restore to an earlier point', async () => {
    const cluster = archive();
    makeWal(cluster, segments(5, 6, 2), backupMs + 60_000);
    await clean(cluster);
    expect(wal(cluster)).toEqual([...segments(5, 20), ...segments(5, 6, 2)].sort());
    makeOldBackup(cluster, 'data.master.2', 6, 2);
    for (const file of ['backup_label', 'SUCCESS', '']) {
      utimesSync(`${cluster.path}/data.master.2/${file}`, nowMs / 1000, nowMs / 1000);
    }
    await clean(cluster);
    expect(wal(cluster)).toEqual([...segments(6, 20), nameOf(6, 2)].sort());
  });

  test('keeps the last days, too', async () => {
    const cluster = archive();
    makeWal(cluster, segments(1, 3), walMs - 10 * 24 * 3600 * 1000);
    await clean(cluster, { keepMs: 5 * 24 * 3600 * 1000 });
    expect(wal(cluster)).toEqual(segments(4, 20));
  });

  test('drops what is owed of the files that it removes, and no other debt', async () => {
    const cluster = archive();
    const debts = new Debts(cluster, 'arch2');
    for (const number of [2, 9]) await debts.record(parseArchiveFileName(nameOf(number)).name);
    await clean(cluster);
    expect((await debts.list()).map(({ name }) => name)).toEqual([nameOf(9)]);
  });

  test('leaves files that are not of the archive alone', async () => {
    const cluster = archive();
    const strange = ['.000000010000000000000002.0123456789abcdef.part', 'README', `${nameOf(1)}~`];
    makeWal(cluster, strange);
    mkdirSync(cluster.walFile(nameOf(0)));
    await clean(cluster);
    expect(wal(cluster)).toEqual([...strange, nameOf(0), ...segments(8, 20)].sort());
  });

  test('of another host’s wish needs a complete backup of this host', async () => {
    const [cluster, other] = [archive(), archive()];
    rmSync(`${cluster.path}/data.master.1`, { recursive: true });
    const peer = { name: 'arch2', view: await viewOf(other) };
    await refused(cluster, { peer, mustPermitItself: true });
    await clean(cluster, { peer });
    expect(wal(cluster)).toEqual(segments(8, 20));
  });
});

describe('nothing is removed', () => {
  test('without a complete backup', async () => {
    const cluster = archive();
    rmSync(`${cluster.path}/data.master.1/SUCCESS`);
    await refused(cluster);
    await refused(cluster, { force: true });
  });

  test('beside a backup that cannot be read, on either host', async () => {
    const [cluster, other] = [archive(), archive()];
    makeBackup(other, 'data.master.3', { SUCCESS: '', 'base.tar.gz': 'x' });
    expect((await refused(other)).message).toContain(`${other.path}/data.master.3`);
    const peer = { name: 'arch2', view: parseHostView(formatHostView(await viewOf(other))) };
    expect((await refused(cluster, { peer })).message).toContain(`${other.path}/data.master.3`);
  });

  test('beside a pin that cannot be read', async () => {
    const cluster = archive();
    mkdirSync(cluster.pinsDirectory, { recursive: true });
    writeFileSync(`${cluster.pinsDirectory}/drill-0123456789abcdef.json`, '{');
    await refused(cluster, {}, 'damaged' as 'cleanup_refused');
  });

  test('when the WAL that a complete backup begins with is on neither host', async () => {
    const [cluster, other] = [archive(), archive()];
    for (const it of [cluster, other]) rmSync(it.walFile(nameOf(8)));
    const view = async () => ({
      name: 'arch2',
      view: await viewHost(other, identity, (await viewOf(cluster)).missing, nowMs),
    });
    expect((await refused(cluster, { peer: await view() })).message).toContain(nameOf(8));
    makeWal(other, [nameOf(8)]);
    await clean(cluster, { peer: await view() });
    expect(wal(cluster)).toEqual(segments(9, 20));
  });

  test('when the clock of this host or the other jumped, unless somebody has looked', async () => {
    const cluster = archive();
    const later = { ...clock, nowMs: () => nowMs + 3650 * 24 * 3600 * 1000 };
    await new Pins(cluster).set(pinAt(3), nowMs);
    await refused(cluster, { clock: later });
    await refused(cluster, { clock: later, force: true });
    const view = { ...(await viewOf(archive())), nowMs: later.nowMs() };
    await refused(cluster, { peer: { name: 'arch2', view } });
    expect(await new Pins(cluster).list()).toHaveLength(1);
    await clean(cluster, { clock: later, trustClock: true });
    expect(wal(cluster)).toEqual(segments(8, 20));
    await refused(cluster);
  });

  test('when too much would go', async () => {
    const cluster = archive();
    await refused(cluster, { maxRemoveFraction: 0.3 });
    await clean(cluster, { maxRemoveFraction: 0.3, force: true });
    expect(wal(cluster)).toEqual(segments(8, 20));
  });

  test('while another cleanup is at work, which is waited for', async () => {
    const cluster = archive();
    mkdirSync(cluster.stateDirectory, { recursive: true });
    const lock = tryLock(cleanupLock(cluster));
    let ms = 0;
    const impatient = { ...clock, monotonicMs: () => ms, sleep: async (delayMs: number) => void (ms += delayMs) };
    await refused(cluster, { clock: impatient }, 'busy' as 'cleanup_refused');
    const waiting = clean(cluster);
    lock?.release();
    expect(await waiting).toMatchObject({ removed: 7 });
  });
});

describe('between the plan and the removal', () => {
  test('a pin keeps what it needs', async () => {
    const cluster = archive();
    const report = await clean(cluster, { announce: () => new Pins(cluster).set(pinAt(4), nowMs) });
    expect(report.removed).toBe(3);
    expect(wal(cluster)).toEqual(segments(4, 20));
  });

  test('a backup that begins keeps what it needs, and everything before its label is there', async () => {
    const cluster = archive();
    const begin = async () => void makeBackup(cluster, 'data.master.2.partial', { backup_label: labelText(6) });
    await clean(cluster, { announce: begin });
    expect(wal(cluster)).toEqual(segments(6, 20));
    rmSync(`${cluster.path}/data.master.2.partial/backup_label`);
    makeOldBackup(cluster, 'data.master.1', 12);
    const beginAgain = async () => mkdirSync(`${cluster.path}/data.master.3.partial`);
    rmSync(`${cluster.path}/data.master.2.partial`, { recursive: true });
    await refused(cluster, { announce: beginAgain });
  });

  test('a file that took the name of a candidate stays', async () => {
    const cluster = archive();
    const replace = async () => {
      makeWal(cluster, ['newcomer']);
      renameSync(cluster.walFile('newcomer'), cluster.walFile(nameOf(2)));
    };
    expect(await clean(cluster, { announce: replace })).toMatchObject({ removed: 6 });
    expect(wal(cluster)).toEqual([nameOf(2), ...segments(8, 20)]);
  });
});

describe('tombstones', () => {
  const buried = async (cluster: ClusterDirectory) => [...(await new Tombstones(cluster).names())].sort();

  test('are of every file removed, until the other host has nothing left there', async () => {
    const cluster = archive();
    await clean(cluster);
    expect(await buried(cluster)).toEqual(segments(1, 7));
    expect(await dropTombstonesBelow(cluster, 5n, size, nowMs)).toBe(4);
    expect(await buried(cluster)).toEqual(segments(5, 7));
    expect(await dropTombstonesBelow(cluster, 8n, size, nowMs)).toBe(3);
    expect(readdirSync(cluster.tombstonesDirectory)).toEqual([]);
  });

  test('of a name that is there again are dropped with the next cleanup, which removes the file', async () => {
    const cluster = archive();
    await clean(cluster);
    makeWal(cluster, [nameOf(3), nameOf(30)]);
    await new Tombstones(cluster).bury([parseArchiveFileName(nameOf(30)).name], nowMs);
    await clean(cluster);
    expect(existsSync(cluster.walFile(nameOf(3)))).toBe(false);
    expect(await buried(cluster)).toEqual(segments(1, 7));
  });
});

test('a view crosses the session as it is, and a broken one is refused', async () => {
  const cluster = archive();
  await new Pins(cluster).set(pinAt(4), nowMs);
  makeBackup(cluster, 'data.master.3', { SUCCESS: '' });
  const view = await viewOf(cluster);
  expect(view.protections).toHaveLength(3);
  expect(parseHostView(formatHostView(view))).toEqual(view);
  const json = JSON.parse(formatHostView(view).toString());
  for (const broken of [
    '',
    'null',
    { ...json, nowMs: 'now' },
    { ...json, protections: {} },
    { ...json, protections: [{}] },
    { ...json, protections: [{ ...json.protections[0], from: { timeline: 1, lsn: 'x' } }] },
    { ...json, missing: ['../x'] },
    { ...json, missing: ['00000002.history'] },
  ]) {
    const text = typeof broken === 'string' ? broken : JSON.stringify(broken);
    await failureFrom('protocol', () => parseHostView(Buffer.from(text)));
  }
});
