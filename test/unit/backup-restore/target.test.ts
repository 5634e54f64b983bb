import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { asideNameOf, judgeTarget, type TargetWish } from '../../../packages/backup-restore/src/target/judge-target.ts';
import { readRestoreNote, writeRestoreNote } from '../../../packages/backup-restore/src/target/restore-note.ts';
import { describeServer, type ServerSigns } from '../../../packages/backup-restore/src/target/server-signs.ts';
import { setAside } from '../../../packages/backup-restore/src/target/set-aside.ts';
import { lookAtTarget, type TargetFacts } from '../../../packages/backup-restore/src/target/target-facts.ts';
import { bytesByTar, checkSpace } from '../../../packages/core/src/restore/space-needed.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { backupOf, segmentSize } from './archive-answers.ts';

const noServer: ServerSigns = { pidFile: undefined, pidFileProcess: 'gone', processes: [], hasSharedMemory: false };
const note = {
  planId: 'this',
  recovery: 'latest',
  cluster: 'main',
  backup: 'data.master.1',
  manifestSha256: undefined,
  setAside: undefined,
} as const;
const marker = { planId: 'other', backup: 'data.master.1' } as TargetFacts['marker'];

const facts = (fields: Partial<TargetFacts> = {}): TargetFacts => ({
  path: '/data/main',
  kind: 'occupied',
  marker: undefined,
  note: undefined,
  isMountPoint: false,
  hasLostAndFound: false,
  ownerUid: 101,
  server: noServer,
  parentExists: true,
  isParentWritable: true,
  ...fields,
});
const wish = (fields: Partial<TargetWish> = {}): TargetWish => ({
  keepOld: false,
  uid: 101,
  planId: 'this',
  recovery: 'latest',
  asideName: '/data/main.before-x',
  ...fields,
});

describe('the place that is restored to', () => {
  test.each([
    ['is made when it is not there', { kind: 'absent', ownerUid: undefined }, {}, 'make'],
    ['is filled when it is empty', { kind: 'empty' }, {}, 'fill'],
    [
      'is filled when it is empty although nothing can be made beside it',
      { kind: 'empty', isParentWritable: false },
      {},
      'fill',
    ],
    ['is moved on request', {}, { keepOld: true }, 'move'],
    ['is done again when a restore was interrupted, whichever', { marker }, {}, 'redo'],
    ['is not moved when a restore was interrupted', { marker }, { keepOld: true }, 'redo'],
    ['is gone on with when its files are complete', { note: { ...note, state: 'prepared' } }, {}, 'resume'],
    [
      'is gone on with while its server runs',
      { note: { ...note, state: 'started' }, server: { ...noServer, processes: [7] } },
      {},
      'resume',
    ],
    ['is moved when its restore is done', { note: { ...note, state: 'done' } }, { keepOld: true }, 'move'],
    [
      'is moved when it is another restore',
      { note: { ...note, planId: 'x', state: 'started' } },
      { keepOld: true },
      'move',
    ],
  ] as const)('%s', (_title, found, wished, use) => {
    expect(judgeTarget(facts(found as Partial<TargetFacts>), wish(wished))).toBe(use);
  });

  test.each([
    ['holds something', {}, {}, /not empty.*--keep-old it is moved to \/data\/main\.before-x/],
    [
      'has a server, also with --keep-old',
      { server: { ...noServer, processes: [7, 8] } },
      { keepOld: true },
      /processes work there \(7, 8\).*Stop it/,
    ],
    [
      'has a server and a marker',
      { marker, server: { ...noServer, hasSharedMemory: true } },
      {},
      /shared memory is in use/,
    ],
    [
      'is the server of another restore',
      { note: { ...note, planId: 'x', state: 'started' }, server: { ...noServer, processes: [7] } },
      {},
      /processes work/,
    ],
    ['was begun with another target', { note: { ...note, recovery: 'time', state: 'started' } }, {}, /not empty/],
    ['is a file', { kind: 'not a directory' }, {}, /no directory/],
    ['has no parent', { kind: 'absent', parentExists: false }, {}, /Is the disk mounted/],
    ['has a parent that is not ours', { kind: 'absent', isParentWritable: false }, {}, /nothing can be made beside/],
    ['cannot be moved in its parent', { isParentWritable: false }, { keepOld: true }, /nothing can be made beside/],
    ['belongs to somebody else', { ownerUid: 0, kind: 'empty' }, {}, /another account \(uid 0\)/],
    [
      'is the top of a file system',
      { hasLostAndFound: true, isMountPoint: true },
      { keepOld: true },
      /lost\+found.*--to \/data\/main\/data/,
    ],
    ['is a mount point that is in use', { isMountPoint: true }, { keepOld: true }, /mount point.*by hand/],
  ] as const)('is refused when it %s', async (_title, found, wished, text) => {
    const failure = await failureFrom('restore_refused', () =>
      judgeTarget(facts(found as Partial<TargetFacts>), wish(wished)),
    );
    expect(`${failure.message} ${failure.hint}`).toMatch(text);
  });

  test('is called by the moment when it is moved', () => {
    expect(asideNameOf('/data/main', Date.parse('2026-11-21T03:15:00.123Z'))).toBe(
      '/data/main.before-20261121T031500Z',
    );
  });
});

describe('a server', () => {
  test('is told by its process, by processes that it left, and by its shared memory', () => {
    expect(describeServer(noServer)).toBeUndefined();
    expect(describeServer({ ...noServer, pidFile: 12, pidFileProcess: 'works here' })).toContain('pid 12');
    expect(describeServer({ ...noServer, pidFile: 12, pidFileProcess: 'unknown' })).toContain('may be its server');
    expect(describeServer({ ...noServer, pidFile: 12, pidFileProcess: 'works elsewhere' })).toBeUndefined();
    expect(describeServer({ ...noServer, pidFile: 12, pidFileProcess: 'gone' })).toBeUndefined();
  });
});

describe('on the disk', () => {
  let place: string;

  beforeEach(() => {
    place = mkdtempSync(join(tmpdir(), 'archive2-target.'));
  });
  afterEach(() => rmSync(place, { recursive: true }));

  test('a place is seen as it is', async () => {
    expect(await lookAtTarget(join(place, 'main'))).toMatchObject({
      kind: 'absent',
      parentExists: true,
      ownerUid: undefined,
    });
    mkdirSync(join(place, 'main'));
    expect(await lookAtTarget(join(place, 'main'))).toMatchObject({ kind: 'empty', isMountPoint: false });
    // Killed as it began: nothing was restored there yet.
    writeFileSync(join(place, 'main/..archive2-restore.json.0123456789abcdef.part'), '');
    expect(await lookAtTarget(join(place, 'main'))).toMatchObject({ kind: 'empty' });
    writeFileSync(join(place, 'main/PG_VERSION'), '15\n');
    expect(await lookAtTarget(join(place, 'main'))).toMatchObject({ kind: 'occupied', marker: undefined });
    expect(await lookAtTarget(join(place, 'no/main'))).toMatchObject({ kind: 'absent', parentExists: false });
    expect(await lookAtTarget('/proc')).toMatchObject({ isMountPoint: true });
  });

  test('a link is followed to what it leads to, and refused where that is nothing', async () => {
    mkdirSync(join(place, 'real'));
    symlinkSync(join(place, 'real'), join(place, 'link'));
    expect((await lookAtTarget(join(place, 'link'))).path).toBe(join(place, 'real'));
    symlinkSync(join(place, 'gone'), join(place, 'broken'));
    await failureFrom('restore_refused', lookAtTarget(join(place, 'broken')));
  });

  test('this very process is found as the one in postmaster.pid only where it works', async () => {
    mkdirSync(join(place, 'main'));
    writeFileSync(join(place, 'main/postmaster.pid'), `${process.pid}\n${place}/main\n`);
    expect((await lookAtTarget(join(place, 'main'))).server).toMatchObject({
      pidFile: process.pid,
      pidFileProcess: 'works elsewhere',
    });
    writeFileSync(join(place, 'main/postmaster.pid'), '4194300\n');
    expect((await lookAtTarget(join(place, 'main'))).server.pidFileProcess).toBe('gone');
    writeFileSync(join(place, 'main/postmaster.pid'), 'garbage');
    expect((await lookAtTarget(join(place, 'main'))).server.pidFile).toBeUndefined();
  });

  test('a directory is moved as a whole, and never over another one', async () => {
    mkdirSync(join(place, 'main'));
    writeFileSync(join(place, 'main/old'), 'rows');
    mkdirSync(join(place, 'taken'));
    await failureFrom('restore_refused', setAside(join(place, 'main'), join(place, 'taken')));
    expect(readdirSync(join(place, 'main'))).toEqual(['old']);
    await setAside(join(place, 'main'), join(place, 'aside'));
    expect(readFileSync(join(place, 'aside/old'), 'utf8')).toBe('rows');
    expect(readdirSync(place).toSorted()).toEqual(['aside', 'taken']);
  });

  test('a note is read as it was written, and one that is torn is refused', async () => {
    expect(await readRestoreNote(place)).toBeUndefined();
    await writeRestoreNote(place, { ...note, state: 'started', setAside: '/data/main.before-x' }, 1);
    expect(await readRestoreNote(place)).toEqual({ ...note, state: 'started', setAside: '/data/main.before-x' });
    writeFileSync(join(place, 'archive2-restore.json'), '{"format":1,');
    await failureFrom('restore_refused', readRestoreNote(place));
  });
});

describe('the space', () => {
  const backup = backupOf(1, 2, 3, {
    sourceBytes: 1_000_000,
    files: [
      { name: 'base.tar.zst', sizeBytes: 300 },
      { name: '16385.tar.zst', sizeBytes: 100 },
      { name: 'pg_wal.tar.zst', sizeBytes: 9999 },
      { name: 'backup_manifest', sizeBytes: 9999 },
    ],
  });

  test('is that of the data before compression, by the share of each tar, and WAL for the data directory', () => {
    const bytes = bytesByTar(backup, segmentSize);
    expect(bytes?.get('16385')).toBe(255_000);
    expect(bytes?.get('base')).toBe(765_000 + 2 ** 20 + (0x100 - 0x28) + 18 * 2 ** 20);
    expect(bytesByTar({ ...backup, sourceBytes: undefined }, segmentSize)).toBeUndefined();
  });

  test('that is missing is a refusal', async () => {
    const need = { path: '/data/main', neededBytes: 2 ** 30, freeBytes: 2 ** 30 };
    checkSpace([need]);
    const failure = await failureFrom('restore_refused', () => checkSpace([need, { ...need, freeBytes: 2 ** 29 }]));
    expect(failure.message).toBe('the restore needs about 1.0 GiB at /data/main, and 512 MiB are free');
  });
});
