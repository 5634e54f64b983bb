import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../../packages/core/src/base/clock.ts';
import { Failure } from '../../../../packages/core/src/base/failure.ts';
import { cleanInterrupted } from '../../../../packages/core/src/restore/extract/clean-interrupted.ts';
import { extractBackup } from '../../../../packages/core/src/restore/extract/extract-backup.ts';
import type { BackupCopy, Extraction } from '../../../../packages/core/src/restore/extract/extraction.ts';
import {
  readRestoreMarker,
  removeRestoreMarker,
  restoreMarkerName,
  writeRestoreMarker,
} from '../../../../packages/core/src/restore/extract/restore-marker.ts';
import { walSegment } from '../../archive/wal-segment.ts';
import { identity, nowMs } from '../../backups/backup-files.ts';
import { emptyDirectories, leastFiles, makeBackup, treeOf, walName } from './made-backup.ts';

let scratch: string;
let target: string;

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'archive2-extract-'));
  target = join(scratch, 'data');
});

afterEach(() => {
  rmSync(scratch, { recursive: true });
});

function extractionOf(copy: BackupCopy, fields: Partial<Extraction> = {}): Extraction {
  return {
    copies: [copy],
    cluster: 'main',
    identity,
    planId: 'plan-1',
    target,
    tablespaces: new Map(),
    owner: undefined,
    checkPageChecksums: false,
    signal: new AbortController().signal,
    clock: systemClock,
    onProgress: () => undefined,
    ...fields,
  };
}

const made = (parts: Parameters<typeof makeBackup>[1] = {}) => makeBackup(join(scratch, 'backup'), parts).copy;
const refusal = (message: RegExp) =>
  expect.objectContaining({ code: 'restore_refused', message: expect.stringMatching(message) });

/** Files that come to the target, without the manifest and the marker. */
function extracted(): Record<string, string> {
  const { backup_manifest: manifest, [restoreMarkerName]: marker, ...rest } = treeOf(target);
  expect(manifest).toBeDefined();
  expect(marker).toBeDefined();
  return rest;
}

const asText = (files: Readonly<Record<string, Buffer>>) =>
  Object.fromEntries(Object.entries(files).map(([name, content]) => [name, content.toString('latin1')]));

const dirs = (...names: string[]) => Object.fromEntries(names.map((name) => [name, 'dir']));

const leastTree = {
  ...asText(leastFiles),
  ...dirs('global', ...emptyDirectories),
  [`pg_wal/${walName}`]: walSegment(walName).toString('latin1'),
  [`pg_wal/archive_status/${walName}.done`]: '',
};

describe('a base backup', () => {
  test.each(['plain', 'one frame', 'frames'] as const)('is extracted as it was, stored as %s', async (form) => {
    const files = { 'base/1/1259': Buffer.alloc(3 * 8192, 'x'), 'base/1/empty': Buffer.alloc(0) };
    const copy = made({ form, files });
    const result = await extractBackup(extractionOf(copy));
    expect(extracted()).toEqual({ ...leastTree, ...asText(files), ...dirs('base', 'base/1') });
    expect(result).toMatchObject({ host: 'arch1', fileCount: 7, pages: undefined, wasThere: false });
    expect(result.manifest?.sha256).toBe(copy.backup.manifestSha256);
    const { contentBytes } = result;
    expect(contentBytes).toBe(2 ** 20 + 3 * 8192 + Object.values(leastFiles).reduce((sum, it) => sum + it.length, 0));
  });

  test('with files of any size comes whole, whatever the checksums', async () => {
    const sizes = fc.oneof(
      fc.constantFrom(0, 1, 511, 512, 513, 4095, 4096, 4097, 8191, 8192, 8193, 2 ** 22 - 8192, 2 ** 22, 2 ** 22 + 1),
      fc.integer({ min: 0, max: 300_000 }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(sizes, { maxLength: 8 }),
        fc.constantFrom('SHA256' as const, 'CRC32C' as const),
        fc.constantFrom('plain' as const, 'one frame' as const, 'frames' as const),
        async (all, algorithm, form) => {
          rmSync(join(scratch, 'backup'), { recursive: true, force: true });
          rmSync(target, { recursive: true, force: true });
          const files = Object.fromEntries(
            all.map((size, index) => [`base/${index % 3}/${index}`, Buffer.alloc(size, `${index} and more `)]),
          );
          await extractBackup(extractionOf(made({ form, files, manifest: { algorithm } })));
          expect(extracted()).toMatchObject(asText(files));
        },
      ),
      { numRuns: 15 },
    );
  });

  test('belongs to its owner alone', async () => {
    await extractBackup(extractionOf(made({ files: { 'base/1/1259': Buffer.alloc(1) } })));
    const mode = (name: string) => statSync(join(target, name)).mode & 0o7777;
    for (const name of ['', 'base', 'base/1', 'pg_notify', 'pg_wal']) expect(mode(name), name).toBe(0o700);
    for (const name of ['PG_VERSION', 'base/1/1259', 'backup_manifest', `pg_wal/${walName}`]) {
      expect(mode(name), name).toBe(0o600);
    }
  });

  test.runIf(process.getuid?.() === 0)(
    'is given to another owner by root, the empty target that it had, too',
    async () => {
      mkdirSync(target);
      const copy = made({ tablespaces: { '16385': { 'PG_15_1/5/1': Buffer.alloc(9) } } });
      const place = join(scratch, 'made/for/it');
      const owner = { uid: 65_534, gid: 65_533 };
      await extractBackup(extractionOf(copy, { owner, tablespaces: new Map([['16385', place]]) }));
      const belongs = (path: string) => expect(statSync(path), path).toMatchObject(owner);
      const names = ['', 'base', 'global/pg_control', 'PG_VERSION', 'pg_wal', 'backup_manifest', 'tablespace_map'];
      for (const name of names.filter((it) => it !== 'base')) belongs(join(target, name));
      for (const path of [place, join(place, '..'), join(place, 'PG_15_1/5'), join(place, 'PG_15_1/5/1')])
        belongs(path);
    },
  );

  test('tells how far it is, up to all that there is', async () => {
    const seen: number[] = [];
    let total = 0;
    await extractBackup(
      extractionOf(made(), {
        onProgress: ({ storedBytes, totalStoredBytes }) => {
          seen.push(storedBytes);
          total = totalStoredBytes;
        },
      }),
    );
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe(total);
    expect(total).toBeGreaterThan(2 ** 20);
  });

  test('without a manifest, as PostgreSQL 12 makes them, is taken by the form of its tars', async () => {
    const { backup, source } = made({ form: 'frames' });
    const files = backup.files.filter(({ name }) => name !== 'backup_manifest');
    const copy = { source, backup: { ...backup, manifestSha256: undefined, files } };
    expect(await extractBackup(extractionOf(copy))).toMatchObject({ manifest: undefined });
    expect(treeOf(target)).toMatchObject(leastTree);
  });
});

describe('tablespaces', () => {
  const inside = { 'PG_15_1/5/16390': Buffer.alloc(8192, 't') };

  test('go to their new places, and both the links and the map lead there', async () => {
    const copy = made({ tablespaces: { '16385': inside, '16386': {} } });
    const places = new Map([
      ['16385', join(scratch, 'one')],
      ['16386', join(scratch, 'two, with a space')],
    ]);
    await extractBackup(extractionOf(copy, { tablespaces: places }));
    expect(treeOf(join(scratch, 'one'))).toMatchObject({ ...asText(inside), ...dirs('PG_15_1', 'PG_15_1/5') });
    const tree = extracted();
    expect(tree['pg_tblspc/16385']).toBe(`-> ${join(scratch, 'one')}`);
    expect(tree['pg_tblspc/16386']).toBe(`-> ${join(scratch, 'two, with a space')}`);
    expect(tree['tablespace_map']).toBe([...places].map(([oid, path]) => `${oid} ${path}\n`).join(''));
  });

  test.each([
    ['without a place', [], /tablespace 16385 of data.master.1 has no new directory/],
    [
      'that the backup does not have',
      [
        ['16385', 'one'],
        ['16999', 'two'],
      ],
      /has no tablespace 16999/,
    ],
    ['in the data directory', [['16385', 'data/ts']], /lie in one another/],
    ['around the data directory', [['16385', '']], /lie in one another/],
    ['with a line end in the name', [['16385', 'a\nb']], /cannot be/],
  ])('%s are refused, and nothing was made', async (_what, places, message) => {
    const copy = made({ tablespaces: { '16385': inside } });
    const tablespaces = new Map(places.map(([oid = '', name = '']) => [oid, join(scratch, name)]));
    await expect(extractBackup(extractionOf(copy, { tablespaces }))).rejects.toEqual(refusal(message));
    expect(readdirSync(scratch)).toEqual(['backup']);
  });

  test('of which one is not empty are refused, and nothing was touched', async () => {
    const copy = made({ tablespaces: { '16385': inside } });
    mkdirSync(join(scratch, 'one'));
    writeFileSync(join(scratch, 'one/mine'), 'mine');
    const tablespaces = new Map([['16385', join(scratch, 'one')]]);
    await expect(extractBackup(extractionOf(copy, { tablespaces }))).rejects.toEqual(refusal(/one is not empty/));
    expect(treeOf(join(scratch, 'one'))).toEqual({ mine: 'mine' });
    expect(readdirSync(scratch).toSorted()).toEqual(['backup', 'one']);
  });
});

describe('a backup that is damaged is refused, and named:', () => {
  const files = { 'base/1/1259': Buffer.alloc(20_000, 'x') };
  const fails = (copy: BackupCopy, message: RegExp) =>
    expect(extractBackup(extractionOf(copy))).rejects.toMatchObject({
      code: 'backup_damaged',
      message: expect.stringMatching(message),
      hint: expect.stringContaining('older backup'),
    });

  test('a file with another byte', async () => {
    const damage = (tar: Buffer) => {
      const at = tar.indexOf('xxxxxxxx');
      if (at >= 0) tar[at + 1000] = 0x79;
      return tar;
    };
    await fails(made({ files, damage }), /data\.master\.1 on arch1, base\.tar\.zst.*"base\/1\/1259".*other content/);
  });

  test('a file that is missing', async () => {
    const tamper: NonNullable<Parameters<typeof makeBackup>[1]>['tamper'] = (members) =>
      members.filter(({ name }) => name !== 'base/1/1259');
    await fails(made({ files, tamper }), /lacks 1 files of its manifest, such as "base\/1\/1259"/);
  });

  test('a file that the manifest does not have', async () => {
    await fails(
      made({ files, manifest: { leave: 'base/1/1259' } }),
      /"base\/1\/1259", which its manifest does not have/,
    );
    expect(existing('base/1/1259')).toBe(false);
  });

  test('a file that comes twice', async () => {
    await fails(made({ files, tamper: (members) => [...members, ...members] }), /twice/);
  });

  test('a file of another size', async () => {
    await fails(
      made({ files, manifest: { change: { 'base/1/1259': Buffer.alloc(19_999, 'x') } } }),
      /with 20000 bytes, where the manifest says 19999/,
    );
  });

  test('a tar that ends early, in whatever form', async () => {
    for (const form of ['plain', 'one frame', 'frames'] as const) {
      for (const cut of [1, 512, 1023, 1025, 5000]) {
        rmSync(join(scratch, 'backup'), { recursive: true, force: true });
        const damage = (tar: Buffer) => tar.subarray(0, tar.length - cut);
        await fails(made({ files, form, damage }), /base\.tar|pg_wal\.tar/);
        await cleanInterrupted(target, new AbortController().signal);
      }
    }
  });

  test('stored bytes that end early or go on', async () => {
    for (const form of ['one frame', 'frames'] as const) {
      rmSync(join(scratch, 'backup'), { recursive: true, force: true });
      const copy = made({ files, form });
      const path = join(scratch, 'backup/base.tar.zst');
      const bytes = readFileSync(path);
      for (const changed of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.from('x')])]) {
        writeFileSync(path, changed);
        await fails(copy, /base\.tar\.zst/);
      }
      await cleanInterrupted(target, new AbortController().signal);
    }
  });

  test('no backup_label, and the pg_control of another cluster', async () => {
    const tamper = (members: { name: string }[]) => members.filter(({ name }) => name !== 'backup_label');
    await fails(made({ tamper, manifest: { leave: 'backup_label' } }), /has no backup_label/);
    rmSync(join(scratch, 'backup'), { recursive: true });
    const other = Buffer.from(leastFiles['global/pg_control'] ?? '');
    other.writeBigUInt64LE(77n);
    await fails(made({ files: { 'global/pg_control': other } }), /is of the cluster 77, not/);
  });

  test('a manifest that is not the one of its record', async () => {
    const { source, backup } = made({ files });
    await fails({ source, backup: { ...backup, manifestSha256: '0'.repeat(64) } }, /another SHA-256/);
  });

  test.each([
    ['no segment', { wrong: Buffer.alloc(5) }, /"wrong" in pg_wal\.tar/],
    ['a segment of another cluster', { [walName]: walSegment(walName, { systemIdentifier: 5n }) }, /in pg_wal\.tar/],
    [
      'other segments than it needs',
      { '000000010000000000000021': walSegment('000000010000000000000021') },
      /needs 0+1/,
    ],
    ['a mark with content', { [`archive_status/${walName}.done`]: Buffer.from('x') }, /no mark of an archived file/],
    ['a mark of nothing', { 'archive_status/x.done': Buffer.alloc(0) }, /no mark of an archived file/],
  ])('WAL that is %s', async (_what, wal, message) => {
    await fails(made({ wal }), message);
  });

  const existing = (name: string) => name in treeOf(target);
});

describe('an extraction that was interrupted', () => {
  const files = { 'base/1/1259': Buffer.alloc(2_000_000, 'x') };

  async function interrupt(copy: BackupCopy, fields: Partial<Extraction> = {}): Promise<void> {
    const controller = new AbortController();
    const reason = new Failure('interrupted', 'the test');
    const onProgress = ({ contentBytes }: { contentBytes: number }) => {
      if (contentBytes > 0) controller.abort(reason);
    };
    const work = extractBackup(extractionOf(copy, { ...fields, signal: controller.signal, onProgress }));
    await expect(work).rejects.toBe(reason);
  }

  test('ends with the reason, leaves its marker, and is done by the same call', async () => {
    const copy = made({ files });
    await interrupt(copy);
    expect(await readRestoreMarker(target)).toMatchObject({
      planId: 'plan-1',
      cluster: 'main',
      backup: 'data.master.1',
      target,
      extracted: undefined,
    });
    expect(readdirSync(target)).toContain('pg_wal');
    await extractBackup(extractionOf(copy));
    expect(extracted()).toEqual({ ...leastTree, ...asText(files), ...dirs('base', 'base/1') });
  });

  test('leaves nothing of itself in what another backup brings with the same plan', async () => {
    await interrupt(made({ files, form: 'plain' }));
    rmSync(join(scratch, 'backup'), { recursive: true });
    await extractBackup(extractionOf(made()));
    expect(extracted()).toEqual(leastTree);
  });

  test('is not taken up by another plan, nor in a directory that was never ours', async () => {
    const copy = made({ files });
    await interrupt(copy);
    const before = treeOf(target);
    await expect(extractBackup(extractionOf(copy, { planId: 'plan-2' }))).rejects.toEqual(
      refusal(/left by another restore, of data\.master\.1 of main/),
    );
    expect(treeOf(target)).toEqual(before);
    rmSync(join(target, restoreMarkerName));
    await expect(extractBackup(extractionOf(copy))).rejects.toEqual(refusal(/is not empty/));
    const { [restoreMarkerName]: _marker, ...rest } = before;
    expect(treeOf(target)).toEqual(rest);
  });

  test('is not cleaned where a server was started meanwhile', async () => {
    const copy = made({ files });
    await interrupt(copy);
    writeFileSync(join(target, 'postmaster.opts'), '');
    const before = treeOf(target);
    await expect(extractBackup(extractionOf(copy))).rejects.toEqual(refusal(/a server was started/));
    const clean = cleanInterrupted(target, new AbortController().signal);
    await expect(clean).rejects.toEqual(refusal(/a server was started/));
    expect(treeOf(target)).toEqual(before);
  });

  test('is cleaned with its tablespaces, and only with those that have its marker', async () => {
    const tablespaces = { '16385': { 'PG_15_1/1': Buffer.alloc(9) }, '16386': { 'PG_15_1/1': Buffer.alloc(9) } };
    const places = new Map([
      ['16385', join(scratch, 'one')],
      ['16386', join(scratch, 'two')],
    ]);
    await extractBackup(extractionOf(made({ tablespaces }), { tablespaces: places }));
    rmSync(join(scratch, 'two', restoreMarkerName));
    await cleanInterrupted(target, new AbortController().signal);
    expect(treeOf(target)).toEqual({});
    expect(treeOf(join(scratch, 'one'))).toEqual({});
    expect(Object.keys(treeOf(join(scratch, 'two')))).toContain('PG_15_1/1');
    await expect(cleanInterrupted(target, new AbortController().signal)).rejects.toEqual(
      refusal(/not left by a restore/),
    );
  });

  test('does not lead the cleaning out of its directory', async () => {
    await interrupt(made({ files }));
    mkdirSync(join(scratch, 'outside'));
    writeFileSync(join(scratch, 'outside/mine'), 'mine');
    symlinkSync(join(scratch, 'outside'), join(target, 'pg_wal/link'));
    await cleanInterrupted(target, new AbortController().signal);
    expect(treeOf(join(scratch, 'outside'))).toEqual({ mine: 'mine' });
  });

  test('with other tablespaces than before is refused: what lies in the old ones would stay', async () => {
    const copy = made({ files, tablespaces: { '16385': { 'PG_15_1/1': Buffer.alloc(9) } } });
    await interrupt(copy, { tablespaces: new Map([['16385', join(scratch, 'one')]]) });
    const again = extractionOf(copy, { tablespaces: new Map([['16385', join(scratch, 'two')]]) });
    await expect(extractBackup(again)).rejects.toEqual(refusal(/put its tablespaces elsewhere/));
  });
});

describe('an extraction that has ended', () => {
  test('is known by the same call, which reads nothing', async () => {
    const copy = made();
    const first = await extractBackup(extractionOf(copy));
    const before = treeOf(target);
    const nothing = {
      ...copy.source,
      read: () => {
        throw new Error('it was read');
      },
    };
    const again = await extractBackup(extractionOf({ ...copy, source: nothing }));
    expect(again).toEqual({ ...first, wasThere: true });
    expect(treeOf(target)).toEqual(before);
  });

  test('is not known as one where a server was started', async () => {
    const copy = made();
    await extractBackup(extractionOf(copy));
    writeFileSync(join(target, 'postmaster.pid'), '');
    await expect(extractBackup(extractionOf(copy))).rejects.toEqual(refusal(/a server was started/));
  });

  test('is done again when the half of it was for another backup', async () => {
    await extractBackup(extractionOf(made({ files: { more: Buffer.from('1') } })));
    rmSync(join(scratch, 'backup'), { recursive: true });
    expect(await extractBackup(extractionOf(made()))).toMatchObject({ wasThere: false });
    expect(extracted()).toEqual(leastTree);
  });

  test('is a data directory once the markers are removed', async () => {
    const tablespaces = new Map([['16385', join(scratch, 'one')]]);
    await extractBackup(extractionOf(made({ tablespaces: { '16385': {} } }), { tablespaces }));
    await removeRestoreMarker(target);
    expect(await readRestoreMarker(target)).toBeUndefined();
    expect(treeOf(join(scratch, 'one'))).toEqual({});
    await removeRestoreMarker(target);
    rmSync(join(scratch, 'backup'), { recursive: true });
    await expect(extractBackup(extractionOf(made()))).rejects.toEqual(refusal(/is not empty/));
  });
});

describe('a target', () => {
  test('that is a file, or holds anything, is refused', async () => {
    const copy = made();
    writeFileSync(target, 'mine');
    await expect(extractBackup(extractionOf(copy))).rejects.toEqual(refusal(/is no directory/));
    const other = extractionOf(copy, { target: join(scratch, 'backup') });
    await expect(extractBackup(other)).rejects.toEqual(refusal(/is not empty/));
  });

  test('with a marker that nobody can read is refused', async () => {
    mkdirSync(target);
    for (const text of ['', '{}', '[]', '{"format": 2}', '{"format": 1, "planId": "plan-1"}']) {
      writeFileSync(join(target, restoreMarkerName), text);
      await expect(extractBackup(extractionOf(made()))).rejects.toEqual(refusal(/is not one of our markers/));
    }
  });

  test('in which a call was killed before its marker had a name is taken', async () => {
    mkdirSync(target);
    writeFileSync(join(target, `.${restoreMarkerName}.0123456789abcdef.part`), 'half');
    await extractBackup(extractionOf(made()));
    expect(extracted()).toEqual(leastTree);
  });

  test('that another extraction is filling is busy', async () => {
    const copy = made({ files: { 'base/1/1259': Buffer.alloc(2_000_000, 'x') } });
    let second: Promise<unknown> | undefined;
    await extractBackup(
      extractionOf(copy, {
        onProgress: () => {
          second ??= expect(extractBackup(extractionOf(copy))).rejects.toMatchObject({ code: 'busy' });
        },
      }),
    );
    expect(second).toBeDefined();
    await second;
  });

  test('has its marker read as it was written', async () => {
    mkdirSync(target);
    const marker = {
      planId: 'p',
      cluster: 'main',
      backup: 'data.master.3',
      manifestSha256: undefined,
      startedMs: nowMs,
      extracted: { host: 'arch1', fileCount: 4, contentBytes: 5 },
      target,
      tablespaces: { '16385': '/ts' },
    };
    await writeRestoreMarker(target, marker, nowMs);
    expect(await readRestoreMarker(target)).toEqual(marker);
    await writeRestoreMarker(target, { ...marker, planId: 'q', extracted: undefined }, nowMs);
    expect(await readRestoreMarker(target)).toEqual({ ...marker, planId: 'q', extracted: undefined });
    expect(readdirSync(target)).toEqual([restoreMarkerName]);
  });
});

describe('another copy', () => {
  const files = { 'base/1/1259': Buffer.alloc(500_000, 'x') };

  const failing = (copy: BackupCopy, error: Error): BackupCopy => ({
    ...copy,
    source: {
      ...copy.source,
      host: 'arch1',
      async *read(file, signal) {
        let pieces = 0;
        for await (const piece of copy.source.read(file, signal)) {
          pieces += 1;
          if (file.startsWith('base') && pieces > 3) throw error;
          yield piece;
        }
      },
    },
  });
  const gone = new Failure('host_unreachable', 'arch1 is gone');

  test('of the same backup is read when the first one fails in between', async () => {
    const copy = made({ files, form: 'plain' });
    const other = { ...copy, source: { ...copy.source, host: 'arch2' } };
    const result = await extractBackup(extractionOf(copy, { copies: [failing(copy, gone), other] }));
    expect(result.host).toBe('arch2');
    expect(extracted()).toEqual({ ...leastTree, ...asText(files), ...dirs('base', 'base/1') });
  });

  test.each(['disk_error', 'host_stalled', 'damaged', 'not_found'] as const)(
    'is read after %s of the first',
    async (code) => {
      const copy = made({ files, form: 'plain' });
      const other = { ...copy, source: { ...copy.source, host: 'arch2' } };
      const first = failing(copy, new Failure(code, 'the test'));
      expect(await extractBackup(extractionOf(copy, { copies: [first, other] }))).toMatchObject({ host: 'arch2' });
    },
  );

  test('of another backup is not', async () => {
    const copy = made({ files, form: 'plain' });
    const other = makeBackup(join(scratch, 'other')).copy;
    await expect(extractBackup(extractionOf(copy, { copies: [failing(copy, gone), other] }))).rejects.toBe(gone);
  });

  test('is not read when this machine is the reason', async () => {
    const copy = made({ files, form: 'plain' });
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    await expect(extractBackup(extractionOf(copy, { copies: [failing(copy, full), copy] }))).rejects.toMatchObject({
      code: 'disk_full',
      hint: expect.stringContaining('Make room there'),
    });
  });
});

test('an incremental backup, and one that is no tar, are refused', async () => {
  const { source, backup } = made();
  await expect(extractBackup(extractionOf({ source, backup: { ...backup, parent: 'data.master.0' } }))).rejects.toEqual(
    refusal(/builds on data\.master\.0/),
  );
  await expect(extractBackup(extractionOf({ source, backup: { ...backup, files: [] } }))).rejects.toEqual(
    refusal(/has no base\.tar/),
  );
  expect(readdirSync(scratch)).toEqual(['backup']);
});
