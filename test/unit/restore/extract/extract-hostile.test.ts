import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../../packages/core/src/base/clock.ts';
import { extractBackup } from '../../../../packages/core/src/restore/extract/extract-backup.ts';
import type { ExtractedBackup } from '../../../../packages/core/src/restore/extract/extraction.ts';
import { restoreMarkerName } from '../../../../packages/core/src/restore/extract/restore-marker.ts';
import { identity } from '../../backups/backup-files.ts';
import type { MadeMember } from '../../backups/made-tar.ts';
import { makeBackup, treeOf } from './made-backup.ts';

/** Everything of a test is in here: what a tar does outside of the target is seen. */
let world: string;

beforeEach(() => {
  // In memory: an extraction is some thirty fsyncs.
  world = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'archive2-hostile-'));
});

afterEach(() => {
  rmSync(world, { recursive: true });
});

const oid = '16385';
const target = () => join(world, 'in/data');
const tablespace = () => join(world, 'in/ts');
const outside = () => join(world, 'outside');

/** Lays out the world: the target in a directory, and beside it what must not change. */
function layOut(): void {
  rmSync(world, { recursive: true, force: true });
  for (const path of [join(world, 'in'), join(outside(), 'pg_wal')]) mkdirSync(path, { recursive: true });
  writeFileSync(join(outside(), 'mine'), 'mine');
  writeFileSync(join(world, 'in/mine'), 'mine');
}

function extract(
  part: string,
  more: readonly MadeMember[],
  listed: Record<string, Buffer> = {},
): Promise<ExtractedBackup> {
  layOut();
  const { copy } = makeBackup(join(world, 'backup'), {
    tablespaces: { [oid]: { 'PG_15_1/5/1': Buffer.from('a relation') } },
    form: 'plain',
    tamper: (members, of) => (of === part ? [...members, ...more] : members),
    // The manifest is of the same hand.
    manifest: { add: listed },
  });
  return extractBackup({
    copies: [copy],
    cluster: 'main',
    identity,
    planId: 'plan',
    target: target(),
    tablespaces: new Map([[oid, tablespace()]]),
    owner: undefined,
    checkPageChecksums: false,
    signal: new AbortController().signal,
    clock: systemClock,
    onProgress: () => undefined,
  });
}

/** Throws unless all that is new lies in the target and the tablespace, and is a file, a directory or the link of the tablespace. */
function checkNothingEscaped(): void {
  expect(readdirSync(world).toSorted()).toEqual(['backup', 'in', 'outside']);
  expect(treeOf(outside())).toEqual({ mine: 'mine', pg_wal: 'dir' });
  expect(readdirSync(join(world, 'in')).toSorted()).toEqual(['data', 'mine', 'ts']);
  for (const directory of [target(), tablespace()]) {
    for (const path of pathsIn(Buffer.from(directory))) {
      const stats = lstatSync(path);
      const name = path.toString('latin1');
      if (stats.isSymbolicLink()) expect(name).toBe(join(target(), 'pg_tblspc', oid));
      else expect(stats.isFile() || stats.isDirectory(), name).toBe(true);
      if (stats.isSymbolicLink()) expect(readlinkSync(path)).toBe(tablespace());
      if (stats.isFile()) expect(stats.nlink, name).toBe(1);
    }
  }
}

/** Everything below a directory, whatever the bytes of its name; links are not followed. */
function pathsIn(directory: Buffer): Buffer[] {
  return readdirSync(directory, { encoding: 'buffer' }).flatMap((name) => {
    const path = Buffer.concat([directory, Buffer.from('/'), name]);
    return lstatSync(path).isDirectory() ? [path, ...pathsIn(path)] : [path];
  });
}

const hostile = Buffer.from('hostile');

describe('a hostile tar', () => {
  const up = '../'.repeat(3);
  const names = [
    '../mine',
    '../../outside/mine',
    `${up}outside/mine`,
    'pg_wal/../../mine',
    './../mine',
    'a//b',
    'pg_wal/.',
    '..',
    'no/such/directory',
    `pg_tblspc/${oid}/PG_15_1/5/1`,
    `pg_tblspc/${oid}/planted`,
    'PG_VERSION/below-a-file',
    restoreMarkerName,
    'backup_manifest',
    'postmaster.pid',
    'PG_VERSION',
  ];

  test.each(names)('with a file named %j, in its manifest too, is refused', async (name) => {
    const work = extract('base', [{ name, content: hostile }], { [name]: hostile });
    await expect(work).rejects.toMatchObject({ code: 'backup_damaged' });
    checkNothingEscaped();
  });

  test('with an absolute name is refused', async () => {
    const name = '/tmp/archive2-must-not-be-there';
    for (const type of ['0', '5', '2']) {
      const work = extract('base', [{ name: type === '5' ? `${name}/` : name, type, linkTo: '/etc' }], {
        [name]: hostile,
      });
      await expect(work).rejects.toMatchObject({ code: 'backup_damaged' });
      checkNothingEscaped();
      expect(() => lstatSync(name)).toThrow('ENOENT');
    }
  });

  test.each(['../', '../../outside/new/', 'no/such/new/', `pg_tblspc/${oid}/new/`, 'PG_VERSION/'])(
    'with a directory named %j is refused',
    async (name) => {
      await expect(extract('base', [{ name, type: '5' }])).rejects.toMatchObject({ code: 'backup_damaged' });
      checkNothingEscaped();
    },
  );

  test.each([
    ['planted', '../outside'],
    ['pg_wal/planted', '../../../outside'],
    ['pg_tblspc/16999', '/etc'],
    ['pg_tblspc/planted', '/etc'],
    ['pg_tblspc/../planted', '/etc'],
    [`pg_tblspc/${oid}/planted`, '/etc'],
    [`pg_tblspc/${oid}`, '/etc'],
    ['pg_wal', '/etc'],
    ['base', '/etc'],
  ])('with the link %j to %j is refused, and nothing goes through it', async (name, linkTo) => {
    const through = `${name}/mine`;
    const work = extract(
      'base',
      [
        { name, type: '2', linkTo },
        { name: through, content: hostile },
      ],
      { [through]: hostile },
    );
    await expect(work).rejects.toMatchObject({ code: 'backup_damaged' });
    checkNothingEscaped();
  });

  test('cannot say where a tablespace is', async () => {
    await extract('base', []);
    checkNothingEscaped();
    expect(treeOf(target())).toMatchObject({
      [`pg_tblspc/${oid}`]: `-> ${tablespace()}`,
      tablespace_map: `${oid} ${tablespace()}\n`,
    });
  });

  test.each([
    ['1', 'a hard link'],
    ['3', 'a character device'],
    ['4', 'a block device'],
    ['6', 'a fifo'],
    ['7', 'a contiguous file'],
    ['x', 'a pax header'],
    ['L', 'a long name of GNU'],
    ['S', 'a sparse file'],
  ])('with a member of type %j, %s, is refused', async (type) => {
    for (const part of ['base', oid, 'pg_wal']) {
      const name = 'planted';
      const work = extract(part, [{ name, type, linkTo: join(outside(), 'mine') }], { [name]: Buffer.alloc(0) });
      await expect(work).rejects.toMatchObject({ code: 'backup_damaged' });
      checkNothingEscaped();
      expect(treeOf(target())['planted']).toBeUndefined();
    }
  });

  test('of a tablespace, or of WAL, is as bad', async () => {
    const members: MadeMember[] = [
      { name: '../mine', content: hostile },
      { name: 'link', type: '2', linkTo: '/etc' },
      { name: `pg_tblspc/${oid}`, type: '2', linkTo: '/etc' },
      { name: 'archive_status/../../mine', content: Buffer.alloc(0) },
      { name: restoreMarkerName, content: hostile },
    ];
    for (const part of [oid, 'pg_wal']) {
      for (const member of members) {
        const path = part === oid ? `pg_tblspc/${oid}/${member.name}` : member.name;
        await expect(extract(part, [member], { [path]: hostile }), `${part} ${member.name}`).rejects.toMatchObject({
          code: 'backup_damaged',
        });
        checkNothingEscaped();
      }
    }
  });

  test('whatever it says, nothing appears outside of the target', async () => {
    const piece = fc.constantFrom(
      '..',
      '.',
      '',
      'pg_tblspc',
      oid,
      'pg_wal',
      'base',
      'a',
      'outside',
      'mine',
      'in',
      'data',
      '\\',
      '~',
    );
    const name = fc.oneof(
      fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => pieces.join('/')),
      fc.constantFrom('pg_tblspc/16386', restoreMarkerName, 'tablespace_map', `pg_tblspc/${oid}`),
      fc.string({ unit: 'binary', maxLength: 30 }),
    );
    const member: fc.Arbitrary<MadeMember> = fc.record({
      name,
      type: fc.constantFrom('0', '0', '5', '2', '2', '1', '6'),
      linkTo: fc.constantFrom('/', '..', '../..', '../../outside', '../mine', '/etc'),
    });
    let refusals = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(member, { minLength: 1, maxLength: 6 }),
        fc.constantFrom('base', oid, 'pg_wal'),
        async (members, part) => {
          const shaped = members.map((it) => (it.type === '5' ? { ...it, name: `${it.name}/` } : it));
          const prefix = part === 'base' ? '' : `pg_tblspc/${oid}/`;
          const listed = Object.fromEntries(shaped.map((it) => [prefix + it.name, Buffer.alloc(0)]));
          try {
            await extract(part, shaped, listed);
          } catch (error) {
            expect(error).toMatchObject({ code: 'backup_damaged' });
            refusals += 1;
          }
          checkNothingEscaped();
        },
      ),
      { numRuns: 40 },
    );
    expect(refusals).toBeGreaterThan(10);
  }, 90_000);
});
