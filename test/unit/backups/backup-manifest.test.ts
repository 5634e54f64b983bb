import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { type BackupManifest, readManifest } from '../../../packages/core/src/backups/backup-manifest.ts';
import { MemberBook } from '../../../packages/core/src/backups/member-book.ts';
import { type ChecksumAlgorithm, MemberDigest } from '../../../packages/core/src/backups/member-digest.ts';
import { TarInspector } from '../../../packages/core/src/backups/tar-inspector.ts';
import { TarReader } from '../../../packages/core/src/backups/tar-reader.ts';
import { type MadeFile, madeManifest, sealed } from './made-manifest.ts';
import { madeTar } from './made-tar.ts';

const directory = mkdtempSync(join(tmpdir(), 'manifest-'));
afterAll(() => rmSync(directory, { recursive: true }));
const path = join(directory, 'backup_manifest');
const damaged = { code: 'backup_damaged' };

const files: MadeFile[] = [
  { path: 'backup_label', content: Buffer.from('label') },
  { path: 'base/1/112', content: Buffer.alloc(8192, 7) },
  { path: 'base/1/113', content: Buffer.alloc(0) },
  { path: 'pg_hba.conf', content: Buffer.from('local all all peer\n') },
];

async function verify(
  tarFiles: readonly MadeFile[],
  manifest: string,
  algorithm: ChecksumAlgorithm = 'SHA256',
): Promise<BackupManifest> {
  const book = new MemberBook(algorithm);
  const reader = new TarReader(new TarInspector({ book, keep: () => undefined }, ''));
  reader.take(madeTar(tarFiles.map(({ path, content }) => ({ name: path, content }))));
  reader.finish();
  writeFileSync(path, manifest);
  const read = await readManifest(path, (file) => book.settle(file));
  book.checkAllSettled();
  return read;
}

const without = (name: string) => files.filter((file) => file.path !== name);
const changed = (name: string, change: Partial<MadeFile>) =>
  files.map((file) => (file.path === name ? { ...file, ...change } : file));

describe('a backup and its manifest', () => {
  test('fit together, also without any file', async () => {
    const read = await verify(files, madeManifest(files));
    expect(read).toMatchObject({ systemIdentifier: undefined, walRanges: [{ start: { timeline: 1 } }] });
    await verify([], madeManifest([]));
  });

  test('have the digest of the whole manifest, also where that is read in pieces', async () => {
    const many = Array.from({ length: 4000 }, (_, index) => ({ path: `base/1/${index}`, content: Buffer.alloc(1) }));
    for (const some of [files, many]) {
      const manifest = madeManifest(some);
      const { sha256 } = await verify(some, manifest);
      expect(sha256).toBe(createHash('sha256').update(manifest).digest('hex'));
    }
  });

  test('the second version names the system, and ranges come oldest first', async () => {
    const ranges = [
      { timeline: 3, start: '0/5000000', end: '0/5000100' },
      { timeline: 1, start: '0/2000028', end: '0/5000000' },
    ];
    const systemIdentifier = '7597281957832847109';
    const read = await verify(files, madeManifest(files, { version: 2, systemIdentifier, ranges }));
    expect(read.systemIdentifier).toBe(7597281957832847109n);
    expect(read.walRanges.map(({ start, endLsn }) => [start.timeline, start.lsn, endLsn])).toEqual([
      [1, 0x2000028n, 0x5000000n],
      [3, 0x5000000n, 0x5000100n],
    ]);
  });

  test('a file that is missing, extra, shorter, longer or other is found', async () => {
    const manifest = madeManifest(files);
    await expect(verify(without('base/1/113'), manifest)).rejects.toThrow('lacks the file "base/1/113"');
    await expect(verify(files, madeManifest(without('base/1/113')))).rejects.toThrow(
      'files that the manifest does not have',
    );
    const shorter = changed('base/1/112', { content: Buffer.alloc(8191, 7) });
    await expect(verify(shorter, manifest)).rejects.toThrow('with 8191 bytes');
    await expect(verify(files, madeManifest(shorter))).rejects.toThrow('with 8192 bytes');
    const other = Buffer.alloc(8192, 7);
    other[4000] = 6;
    await expect(verify(changed('base/1/112', { content: other }), manifest)).rejects.toThrow('other content');
  });

  test('a file twice in the tar or in the manifest is found', async () => {
    const twice = [...files, files[1] as MadeFile];
    await expect(verify(twice, madeManifest(files))).rejects.toThrow('twice');
    await expect(verify(files, madeManifest(twice))).rejects.toThrow('twice');
  });

  test('names that are not UTF-8 are found under their bytes', async () => {
    const strange = [
      ...files,
      { path: 'base/\xff\xfe', content: Buffer.from('x') },
      { path: 'base/\xc3\xa4', content: Buffer.from('y') },
    ];
    await verify(strange, madeManifest(strange));
  });

  test('what lies in pg_wal is in no manifest', async () => {
    await verify(
      [...files, { path: 'pg_wal/000000010000000000000002', content: Buffer.alloc(9) }],
      madeManifest(files),
    );
  });

  test.each(['CRC32C', 'SHA224', 'SHA256', 'SHA384', 'SHA512'] as const)('%s is understood', async (algorithm) => {
    const summed = files.map((file) => {
      const digest = new MemberDigest(algorithm);
      digest.update(Buffer.from(file.content));
      return { ...file, algorithm, checksum: digest.value().toString('hex') };
    });
    await verify(summed, madeManifest(summed), algorithm);
    const [first, ...rest] = summed;
    const flipped = `${first?.checksum.startsWith('0') ? '1' : '0'}${first?.checksum.slice(1)}`;
    await expect(
      verify(summed, madeManifest([{ ...(first as MadeFile), checksum: flipped }, ...rest]), algorithm),
    ).rejects.toMatchObject(damaged);
  });

  test('a manifest without checksums, or with others than asked for, is refused', async () => {
    await expect(verify(files, madeManifest(changed('base/1/112', { algorithm: 'NONE' })))).rejects.toMatchObject(
      damaged,
    );
    await expect(verify(files, madeManifest(files), 'CRC32C')).rejects.toThrow('SHA256, where CRC32C');
  });

  test('is refused with any bit flipped', async () => {
    const manifest = Buffer.from(madeManifest(files));
    await fc.assert(
      fc.asyncProperty(fc.nat(manifest.length * 8 - 1), async (bit) => {
        const flipped = Buffer.from(manifest);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        await expect(verify(files, flipped.toString('latin1'))).rejects.toMatchObject(damaged);
      }),
      { numRuns: 300 },
    );
  });

  test('is refused wherever it is cut, and with anything behind it', async () => {
    const manifest = madeManifest(files);
    for (let length = 0; length < manifest.length; length += 1) {
      await expect(verify(files, manifest.slice(0, length))).rejects.toMatchObject(damaged);
    }
    await expect(verify(files, `${manifest}{}\n`)).rejects.toMatchObject(damaged);
    await expect(verify(files, `${manifest}x`)).rejects.toMatchObject(damaged);
  });

  test.each([
    ['another version', (text: string) => text.replace('Version": 1', 'Version": 3')],
    ['no range', (text: string) => text.replace(/\{ "Timeline".*\n/, '')],
    ['a range that ends before it starts', (text: string) => text.replace('0/2000100', '0/2000000')],
    ['a file with a negative size', (text: string) => text.replace('"Size": 8192', '"Size": -1')],
    ['a file without a path', (text: string) => text.replace('"Path": "base/1/112", ', '')],
    ['a checksum that is too short', (text: string) => text.replace(/"Checksum": "[0-9a-f]{2}/, '"Checksum": "')],
  ])('%s is refused, whatever its own checksum says', async (_what, change) => {
    const text = madeManifest(files).replace(/"Manifest-Checksum".*\n/, '');
    expect(change(text)).not.toBe(text);
    await expect(verify(files, sealed(change(text)))).rejects.toMatchObject(damaged);
  });
});
