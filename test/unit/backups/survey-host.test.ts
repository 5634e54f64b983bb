import { mkdirSync, readdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { AcceptedHoles } from '../../../packages/core/src/archive/accepted-holes.ts';
import type { ClusterDirectory } from '../../../packages/core/src/archive/cluster-directory.ts';
import { Debts } from '../../../packages/core/src/archive/debts.ts';
import { createClusterRecord } from '../../../packages/core/src/archive/identity.ts';
import { writeCleanupState } from '../../../packages/core/src/backups/cleanup-state.ts';
import { Pins } from '../../../packages/core/src/backups/pins.ts';
import { surveyHost } from '../../../packages/core/src/backups/survey-host.ts';
import { formatHostSurvey, parseHostSurvey } from '../../../packages/core/src/backups/survey-text.ts';
import { writeSyncState } from '../../../packages/core/src/backups/sync-state.ts';
import { parseAcceptedHole } from '../../../packages/core/src/wal/accepted-hole.ts';
import { parseArchiveFileName } from '../../../packages/core/src/wal/archive-file.ts';
import { formatLsn } from '../../../packages/core/src/wal/lsn.ts';
import type { TimelineId } from '../../../packages/core/src/wal/timeline-id.ts';
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

let cluster: ClusterDirectory;
beforeEach(async () => {
  cluster = clusterDirectory();
  mkdirSync(cluster.stateDirectory, { recursive: true });
  await createClusterRecord(cluster, 'main', identity, nowMs);
});

const snapshot = () =>
  readdirSync(cluster.path, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => `${name} ${statSync(join(cluster.path, name)).mtimeMs}`);

const lastName = '00000001FFFFFFFF00000FFF';
const badName = '0000000100000000FFFFFFFF';

const look = { cluster: 'main', program: '1.0-test', nowMs };
const survey = () => surveyHost(cluster, look);

describe('the WAL of a host', () => {
  test('is told in runs of full segments by timeline, with the times of their ends', async () => {
    makeWal(cluster, segments(1, 4));
    makeWal(cluster, [nameOf(4)], walMs + 4000);
    makeWal(cluster, segments(6, 6), walMs + 6000);
    makeWal(cluster, segments(3, 4, 2));
    makeWal(cluster, [`${nameOf(7)}.partial`, `${nameOf(5)}.00000028.backup`]);
    expect((await survey()).wal).toEqual([
      { timeline: 1, from: nameOf(1), to: nameOf(4), count: 4, fromMs: walMs, toMs: walMs + 4000 },
      { timeline: 1, from: nameOf(6), to: nameOf(6), count: 1, fromMs: walMs + 6000, toMs: walMs + 6000 },
      { timeline: 2, from: nameOf(3, 2), to: nameOf(4, 2), count: 2, fromMs: walMs, toMs: walMs },
    ]);
  });

  test('is cut before the segment in which another timeline left', async () => {
    makeWal(cluster, segments(1, 9));
    writeFileSync(cluster.walFile('00000002.history'), `1\t${formatLsn(lsnIn(4))}\tno recovery target specified\n`);
    const { wal, descents } = await survey();
    expect(wal.map(({ from, to }) => [from, to])).toEqual([
      [nameOf(1), nameOf(3)],
      [nameOf(4), nameOf(9)],
    ]);
    expect(descents).toEqual([
      { timeline: 2, ancestors: [{ timeline: 1, switchLsn: lsnIn(4), reason: 'no recovery target specified' }] },
    ]);
  });

  test('is looked at where its runs begin and end only', async () => {
    makeWal(cluster, [nameOf(1), nameOf(5000)]);
    // A look at one of these would find no file.
    for (let number = 2; number < 5000; number += 1) symlinkSync('/nowhere', cluster.walFile(nameOf(number)));
    expect((await survey()).wal).toMatchObject([{ from: nameOf(1), to: nameOf(5000), count: 5000 }]);
  });

  test('that a cleanup removes meanwhile is left out', async () => {
    makeWal(cluster, [nameOf(3), nameOf(4)]);
    for (const number of [1, 2, 5]) symlinkSync('/nowhere', cluster.walFile(nameOf(number)));
    expect((await survey()).wal).toMatchObject([{ from: nameOf(3), to: nameOf(4), count: 2 }]);
  });

  test('of an archive without an identity is told as a problem, not as none', async () => {
    makeWal(cluster, segments(1, 2));
    rmSync(cluster.identityFile);
    const { identity: told, wal, problems } = await survey();
    expect([told, wal]).toEqual([undefined, []]);
    expect(problems).toEqual([{ what: 'cluster.json', reason: 'it is missing, although there are 2 archive files' }]);
  });
});

describe('a base backup', () => {
  test('is told with its places, times, sizes and files', async () => {
    const path = makeOwnBackup(cluster, 'data.master.7', 5, { sizeBytes: 77, sourceBytes: 770, serverVersion: 150004 });
    makeBackup(cluster, 'data.master.7', { 'base.tar.zst': 'tar', 'global/pg_control': '', '.hidden': '' });
    rmSync(join(path, 'global/pg_control'));
    symlinkSync('/etc/passwd', join(path, 'passwd'));
    const [backup, ...others] = (await survey()).backups;
    expect(others).toEqual([]);
    expect(backup).toMatchObject({
      name: 'data.master.7',
      number: 7,
      state: 'complete',
      problem: undefined,
      start: { timeline: 1, lsn: lsnIn(5) },
      stop: { timeline: 1, lsn: lsnIn(6) },
      startedMs: backupMs,
      endedMs: backupMs + 1000,
      sizeBytes: 77,
      sourceBytes: 770,
      serverVersion: 150004,
    });
    expect(backup?.files.map(({ name }) => name)).toEqual(['backup.json', 'backup_label', 'base.tar.zst']);
    expect(backup?.files.at(-1)?.sizeBytes).toBe(3);
  });

  test('of the old scripts ends where the server archived that, and when SUCCESS was written', async () => {
    makeOldBackup(cluster, 'data.master.3', 5);
    const stop = `STOP WAL LOCATION: ${formatLsn(lsnIn(6))} (file ${nameOf(6)})\nSTOP TIMELINE: 1\n`;
    writeFileSync(cluster.walFile(`${nameOf(5)}.00000028.backup`), labelText(5) + stop);
    expect((await survey()).backups).toMatchObject([
      { state: 'complete', stop: { timeline: 1, lsn: lsnIn(6) }, endedMs: backupMs, serverVersion: undefined },
    ]);
  });

  test('that is being written, or was never finished, shows no files', async () => {
    makeBackup(cluster, 'data.master.8.partial', { 'base.tar': 'x' });
    makeBackup(cluster, 'data.master.9', { 'base.tar': 'x', backup_label: labelText(5) });
    const { backups } = await survey();
    expect(backups.map(({ state, files, endedMs }) => [state, files, endedMs])).toEqual([
      ['partial', [], undefined],
      ['unfinished', [], undefined],
    ]);
  });

  test('that is damaged, or of another cluster, shows as such beside the good ones', async () => {
    makeBackup(cluster, 'data.master.1', { 'backup.json': '{', SUCCESS: '' });
    const strange = { systemIdentifier: 4711n as typeof identity.systemIdentifier };
    makeOwnBackup(cluster, 'data.master.2', 5, strange);
    symlinkSync('/nowhere', join(cluster.path, 'data.master.3'));
    makeOwnBackup(cluster, 'data.master.4', 6);
    const { backups } = await survey();
    expect(backups.map(({ name, state, problem }) => [name, state, problem?.replace(cluster.path, '')])).toEqual([
      ['data.master.1', 'unfinished', expect.stringContaining('backup.json of data.master.1 is no record')],
      ['data.master.2', 'unfinished', expect.stringContaining('a backup of the cluster with identifier 4711')],
      ['data.master.3', 'unfinished', 'it is a link that leads nowhere'],
      ['data.master.4', 'complete', undefined],
    ]);
  });
});

describe('the rest', () => {
  test('debts are counted over all names of the peer, with the oldest', async () => {
    const file = (number: number) => parseArchiveFileName(nameOf(number)).name;
    await new Debts(cluster, 'arch2').record(file(1));
    await new Debts(cluster, 'arch2').record(file(2));
    await new Debts(cluster, 'archtwo').record(file(2));
    utimesSync(join(cluster.debtsDirectory('arch2'), nameOf(2)), walMs / 1000, walMs / 1000);
    // Recording it again does not make it younger.
    await new Debts(cluster, 'arch2').record(file(2));
    expect((await survey()).debts).toEqual({ count: 2, oldestMs: walMs });
  });

  test('pins are told without their ids, expired ones not at all', async () => {
    const from = { timeline: 1 as TimelineId, lsn: lsnIn(3) };
    await new Pins(cluster).set({ id: 'a'.repeat(20), holder: 'db2', from, expiresMs: nowMs + 1000 }, nowMs);
    await new Pins(cluster).set({ id: 'b'.repeat(20), holder: 'db3', from, expiresMs: nowMs }, nowMs);
    writeFileSync(join(cluster.pinsDirectory, `${'c'.repeat(20)}.json`), 'torn');
    const { pins, problems } = await survey();
    expect(pins).toEqual([{ holder: 'db2', from: { timeline: 1, lsn: lsnIn(3) }, expiresMs: nowMs + 1000 }]);
    expect(problems).toEqual([{ what: 'state/pins/cccccc…', reason: 'it cannot be read as a pin' }]);
  });

  test('accepted holes, quarantine, the last cleanup and sync, space', async () => {
    const hole = { from: nameOf(3), to: nameOf(4), why: 'lost', who: 'ann', at: '2026-11-01T00:00:00.000Z' };
    await new AcceptedHoles(cluster).add([parseAcceptedHole(hole)], nowMs);
    mkdirSync(cluster.quarantineDirectory, { recursive: true });
    writeFileSync(join(cluster.quarantineDirectory, `${nameOf(3)}.0123456789abcdef`), '');
    await writeCleanupState(cluster, { ranMs: 1000, peer: 'arch2', oldestNeeded: nameOf(1) });
    await writeSyncState(cluster, { endedMs: 2000, peer: 'arch2', isEqual: true });
    const told = await survey();
    expect(told).toMatchObject({ quarantined: 1, lastCleanupMs: 1000, problems: [], program: '1.0-test', nowMs });
    expect(told.lastSync).toEqual({ endedMs: 2000, peer: 'arch2', isEqual: true });
    expect(told.accepted).toMatchObject([{ from: nameOf(3), to: nameOf(4), who: 'ann' }]);
    expect(told.disk.totalBytes).toBeGreaterThan(told.disk.freeBytes);
    expect(told.disk.freeBytes).toBeGreaterThan(0);
  });

  test('what cannot be read is told and hides nothing else', async () => {
    makeWal(cluster, segments(1, 2));
    writeFileSync(cluster.walFile('00000002.history'), 'torn');
    writeFileSync(cluster.holesFile, 'torn');
    for (const name of ['cleanup.json', 'sync.json', 'store-id']) {
      writeFileSync(join(cluster.stateDirectory, name), 'torn');
    }
    const { wal, problems } = await survey();
    expect(wal).toHaveLength(1);
    const what = problems.map((problem) => problem.what);
    expect(what).toEqual([
      '00000002.history',
      'state/store-id',
      'state/holes.json',
      'state/cleanup.json',
      'state/sync.json',
    ]);
  });

  test('a survey writes nothing', async () => {
    makeOwnBackup(cluster, 'data.master.4', 6);
    const before = snapshot();
    await survey();
    expect(snapshot()).toEqual(before);
  });

  test('a directory that is not there, or another cluster’s, is none to survey', async () => {
    await failureFrom('wrong_cluster', surveyHost(cluster, { ...look, cluster: 'other' }));
    rmSync(cluster.walDirectory, { recursive: true });
    await failureFrom('not_initialized', survey());
  });
});

test('a survey is the same after the way through JSON', async () => {
  makeWal(cluster, [...segments(1, 4), ...segments(6, 9), ...segments(5, 6, 2)]);
  writeFileSync(cluster.walFile('00000002.history'), `1\t${formatLsn(lsnIn(4))}\tno recovery target specified\n`);
  makeOwnBackup(cluster, 'data.master.7', 5, { sizeBytes: 77, sourceBytes: 770, serverVersion: 150004 });
  makeBackup(cluster, 'data.master.1', { 'backup.json': '{' });
  await new Pins(cluster).set(
    { id: 'a'.repeat(20), holder: 'db2', from: { timeline: 1 as TimelineId, lsn: lsnIn(3) }, expiresMs: nowMs + 1000 },
    nowMs,
  );
  await writeSyncState(cluster, { endedMs: 2000, peer: 'arch2', isEqual: true });
  const told = await survey();
  expect(parseHostSurvey(formatHostSurvey(told))).toEqual(told);
});

describe('what is no survey', () => {
  const valid = async () => JSON.parse(formatHostSurvey(await survey()).toString()) as Record<string, unknown>;

  test.each([
    ['no JSON', () => 'x'],
    ['another format', (json: object) => ({ ...json, format: 2 })],
    ['a run that ends before it begins', (json: object) => ({ ...json, wal: [[1, nameOf(3), nameOf(2), 0, 0]] })],
    ['a run of two timelines', (json: object) => ({ ...json, wal: [[1, nameOf(1), nameOf(2, 2), 0, 0]] })],
    ['a run of no segments', (json: object) => ({ ...json, wal: [[1, '../../x', '../../y', 0, 0]] })],
    ['a segment that this size has not', (json: object) => ({ ...json, wal: [[1, badName, badName, 0, 0]] })],
    ['more segments than any archive has', (json: object) => ({ ...json, wal: [[1, nameOf(0), lastName, 0, 0]] })],
    ['WAL of nobody', (json: object) => ({ ...json, wal: [[1, nameOf(1), nameOf(2), 0, 0]], identity: undefined })],
    ['too many backups', (json: object) => ({ ...json, backups: Array.from({ length: 2001 }, () => ({})) })],
    ['a backup in no known state', (json: object) => ({ ...json, backups: [{ name: 'x', state: 'well' }] })],
    ['a negative number', (json: object) => ({ ...json, quarantined: -1 })],
    ['a text without end', (json: object) => ({ ...json, host: 'x'.repeat(501) })],
  ])('%s is refused as such', async (_what, change) => {
    const changed = change(await valid());
    const body = Buffer.from(typeof changed === 'string' ? changed : JSON.stringify(changed));
    await failureFrom('protocol', async () => parseHostSurvey(body));
  });

  test('a file name that leads out of the backup is refused', async () => {
    makeOwnBackup(cluster, 'data.master.7', 5);
    const json = await valid();
    const [backup] = json['backups'] as { files: { name: string; sizeBytes: number }[] }[];
    for (const name of ['../x', '/etc/passwd', '.hidden', 'global/../x', 'a/b', '', 'x'.repeat(200)]) {
      backup!.files = [{ name, sizeBytes: 1 }];
      await failureFrom('protocol', async () => parseHostSurvey(Buffer.from(JSON.stringify(json))));
    }
  });
});
