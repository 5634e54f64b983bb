import { mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ClusterDirectory } from '../../../packages/core/src/archive/cluster-directory.ts';
import { backupLock } from '../../../packages/core/src/backups/backup-directory.ts';
import { formatBackupRecord, parseBackupRecord } from '../../../packages/core/src/backups/backup-record.ts';
import { listBackups } from '../../../packages/core/src/backups/list-backups.ts';
import { protectionsOf } from '../../../packages/core/src/backups/protection.ts';
import { tryLock } from '../../../packages/core/src/files/lock.ts';
import { clusterDirectory } from '../archive/test-store.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { failureOf } from '../wal/expect-failure.ts';
import {
  backupMs,
  identity,
  labelText,
  lsnIn,
  makeBackup,
  makeOldBackup,
  makeOwnBackup,
  nowMs,
  recordOf,
} from './backup-files.ts';

async function found(cluster: ClusterDirectory) {
  const backups = await listBackups(cluster, identity, nowMs);
  return backups.map(({ name, state, start }) => [name, state, start?.lsn]);
}

/** What it is for a cleanup: `permits`, `protects` from somewhere, protects `all`, or nothing. */
async function meaning(cluster: ClusterDirectory): Promise<string | undefined> {
  const backups = await listBackups(cluster, identity, nowMs);
  const [protection] = protectionsOf('arch1', backups, [], nowMs);
  if (protection === undefined) return undefined;
  if (protection.from === undefined) return 'all';
  return protection.permits ? 'permits' : 'protects';
}

describe('base backups', () => {
  test('are found by number, ours and those of the old scripts, whole and begun', async () => {
    const cluster = clusterDirectory();
    makeOldBackup(cluster, 'data.master.10', 10);
    makeOwnBackup(cluster, 'data.master.9', 7);
    makeBackup(cluster, 'data.master.11.partial', { backup_label: labelText(12) });
    makeBackup(cluster, 'data.master.2', { 'data/backup_label': labelText(3) });
    mkdirSync(join(cluster.path, 'dumps'));
    writeFileSync(join(cluster.path, 'data.txt'), '');
    expect(await found(cluster)).toEqual([
      ['data.master.2', 'unfinished', lsnIn(3)],
      ['data.master.9', 'complete', lsnIn(7)],
      ['data.master.10', 'complete', lsnIn(10)],
      ['data.master.11.partial', 'partial', lsnIn(12)],
    ]);
  });

  test('that somebody renamed are still backups', async () => {
    const cluster = clusterDirectory();
    makeOldBackup(cluster, 'data.before-upgrade', 4);
    expect(await found(cluster)).toEqual([['data.before-upgrade', 'complete', lsnIn(4)]]);
  });

  test('on another disk, behind a link, are read there', async () => {
    const cluster = clusterDirectory();
    const path = makeOldBackup(cluster, 'elsewhere', 4);
    symlinkSync(path, join(cluster.path, 'data.master.1'));
    expect(await found(cluster)).toEqual([['data.master.1', 'complete', lsnIn(4)]]);
    rmSync(path, { recursive: true });
    expect(await meaning(cluster)).toBe('all');
  });

  test('are not none where the cluster directory cannot be listed', async () => {
    const cluster = clusterDirectory();
    rmSync(cluster.path, { recursive: true });
    await expect(listBackups(cluster, identity, nowMs)).rejects.toThrow();
  });
});

describe('a published backup', () => {
  test('of ours permits, and is as old as its record says', async () => {
    const cluster = clusterDirectory();
    makeOwnBackup(cluster, 'data.master.1', 7);
    expect(await meaning(cluster)).toBe('permits');
    expect((await listBackups(cluster, identity, nowMs))[0]?.startedMs).toBe(backupMs);
  });

  test('that was not verified only protects', async () => {
    const cluster = clusterDirectory();
    makeOwnBackup(cluster, 'data.master.1', 7, { verified: false });
    expect(await meaning(cluster)).toBe('protects');
  });

  test('without a mark only protects', async () => {
    const cluster = clusterDirectory();
    makeBackup(cluster, 'data.master.1', { backup_label: labelText(7) });
    expect(await meaning(cluster)).toBe('protects');
  });

  test.each([
    ['without a label', { SUCCESS: '', 'base.tar.gz': 'x' }],
    ['with a torn label', { SUCCESS: '', backup_label: labelText(7).slice(0, 30) }],
    [
      'with a label of another segment size',
      { SUCCESS: '', backup_label: labelText(7).replace('0/700028', '0/7000028') },
    ],
    ['with nothing at all', {}],
  ])('%s protects everything', async (_what, files) => {
    const cluster = clusterDirectory();
    makeBackup(cluster, 'data.master.1', files);
    expect(await meaning(cluster)).toBe('all');
  });

  test('with a backup.json that cannot be read does not permit, SUCCESS or not', async () => {
    const cluster = clusterDirectory();
    makeBackup(cluster, 'data.master.1', { backup_label: labelText(7), 'backup.json': '{', SUCCESS: '' });
    expect(await meaning(cluster)).toBe('protects');
  });

  test('with a record and a label that differ protects from the earlier place', async () => {
    const cluster = clusterDirectory();
    makeOwnBackup(cluster, 'data.master.1', 7);
    makeBackup(cluster, 'data.master.1', { backup_label: labelText(5) });
    expect(await found(cluster)).toEqual([['data.master.1', 'complete', lsnIn(5)]]);
  });

  test.each(['global/pg_control', 'data/global/pg_control'])(
    'of another cluster, by its %s, is refused',
    async (place) => {
      const cluster = clusterDirectory();
      const path = makeOldBackup(cluster, 'data.master.1', 7);
      mkdirSync(join(path, place, '..'), { recursive: true });
      writeFileSync(join(path, place), Buffer.alloc(8, 1));
      await failureFrom('wrong_cluster', listBackups(cluster, identity, nowMs));
    },
  );
});

describe('a backup that is being taken', () => {
  test('protects from its label, however old it looks', async () => {
    const cluster = clusterDirectory();
    makeBackup(cluster, 'data.master.1.partial', { backup_label: labelText(7) });
    const backups = await listBackups(cluster, identity, backupMs + 400 * 24 * 3600 * 1000);
    expect(backups.map(({ state }) => state)).toEqual(['partial']);
  });

  test('protects everything before its label is there', async () => {
    const cluster = clusterDirectory();
    makeBackup(cluster, 'data.master.1.partial', {});
    utimesSync(join(cluster.path, 'data.master.1.partial'), nowMs / 1000, nowMs / 1000);
    expect(await meaning(cluster)).toBe('all');
  });

  test('is given up when nobody holds the lock and nothing has changed for a day', async () => {
    const cluster = clusterDirectory();
    makeBackup(cluster, 'data.master.1.partial', { 'base.tar.gz': 'x' });
    expect(await meaning(cluster)).toBe('all');
    const later = async () => (await listBackups(cluster, identity, nowMs + 1000)).map(({ state }) => state);
    expect(await later()).toEqual(['abandoned']);
    expect(protectionsOf('arch1', await listBackups(cluster, identity, nowMs + 1000), [], nowMs)).toEqual([]);
    mkdirSync(cluster.stateDirectory);
    const lock = tryLock(backupLock(cluster));
    expect(await later()).toEqual(['partial']);
    lock?.release();
    expect(await later()).toEqual(['abandoned']);
    // A tar that grows changes no directory.
    utimesSync(join(cluster.path, 'data.master.1.partial', 'base.tar.gz'), nowMs / 1000, nowMs / 1000);
    expect(await later()).toEqual(['partial']);
  });
});

describe('backup.json', () => {
  test('says what it was given', () => {
    const record = recordOf('data.master.7', 7, { manifestSha256: 'a'.repeat(64), parent: 'data.master.6' });
    expect(parseBackupRecord(formatBackupRecord(record), 'data.master.7')).toEqual(record);
    const without = recordOf('data.master.7', 7);
    expect(parseBackupRecord(formatBackupRecord(without), 'data.master.7')).toEqual(without);
  });

  test('of a newer program has more fields', () => {
    const json = { ...JSON.parse(formatBackupRecord(recordOf('data.master.7', 7))), compression: { level: 3 } };
    expect(parseBackupRecord(JSON.stringify(json), 'data.master.7')).toEqual(recordOf('data.master.7', 7));
  });

  test.each([
    ['format', 2],
    ['name', 'data.master.8'],
    ['systemIdentifier', 7],
    ['segmentSizeBytes', 12_345],
    ['startSegment', '000000010000000000000008'],
    ['start', { timeline: 0, lsn: '0/700028' }],
    ['start', undefined],
    ['stop', { timeline: 1, lsn: '0/600028' }],
    ['startedAt', 'yesterday'],
    ['verified', 'yes'],
    ['sizeBytes', -1],
    ['manifestSha256', 'abc'],
  ])('with a wrong %s (%j) is none', (field, value) => {
    const json = { ...JSON.parse(formatBackupRecord(recordOf('data.master.7', 7))), [field]: value };
    failureOf('damaged', () => parseBackupRecord(JSON.stringify(json), 'data.master.7'));
  });

  test.each(['', 'null', '[]', '"x"'])('that is %j is none', (text) => {
    failureOf('damaged', () => parseBackupRecord(text, 'data.master.7'));
  });
});
