import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../../packages/core/src/base/clock.ts';
import { parseControlFile } from '../../../../packages/core/src/restore/extract/control-file.ts';
import { extractBackup } from '../../../../packages/core/src/restore/extract/extract-backup.ts';
import { PageCheck } from '../../../../packages/core/src/restore/extract/page-check.ts';
import { pageBytes, pageChecksum } from '../../../../packages/core/src/restore/extract/page-checksum.ts';
import { lsnFromBytes } from '../../../../packages/core/src/wal/lsn.ts';
import { identity, lsnIn } from '../../backups/backup-files.ts';
import { controlFile, makeBackup } from './made-backup.ts';

const wordsOf = (bytes: Buffer) => new Int32Array(new Uint8Array(bytes).buffer);

/** checksum_impl.h written down as it is there, in numbers without limits. */
function plainChecksum(page: Buffer, block: number): number {
  const bases = [
    0x5b1f36e9, 0xb8525960, 0x02ab50aa, 0x1de66d2a, 0x79ff467a, 0x9bb9f8a3, 0x217e7cd2, 0x83e13d2c, 0xf8d4474f,
    0xe39eb970, 0x42c6ae16, 0x993216fa, 0x7b093b5d, 0x98daff3c, 0xf718902a, 0x0b1c9cdb, 0xe58f764b, 0x187636bc,
    0x5d7b3bb1, 0xe73de7de, 0x92bec979, 0xcca6c0b2, 0x304a0979, 0x85aa43d4, 0x783125bb, 0x6ca8eaa2, 0xe407eac6,
    0x4b5cfc3e, 0x9fbf8c76, 0x15ca20be, 0xf2ca9fd3, 0x959bd756,
  ];
  const sums = bases.map(BigInt);
  const step = (sum: bigint, value: bigint) => {
    const mixed = sum ^ value;
    return ((mixed * 16_777_619n) & 0xffff_ffffn) ^ (mixed >> 17n);
  };
  const copy = Buffer.from(page);
  copy.writeUInt16LE(0, 8);
  for (let row = 0; row < 64; row += 1) {
    for (let lane = 0; lane < 32; lane += 1) {
      sums[lane] = step(sums[lane] ?? 0n, BigInt(copy.readUInt32LE((row * 32 + lane) * 4)));
    }
  }
  const all = sums.map((sum) => step(step(sum, 0n), 0n)).reduce((a, b) => a ^ b) ^ BigInt(block);
  return Number((all & 0xffff_ffffn) % 65_535n) + 1;
}

const pageArbitrary = fc.uint8Array({ minLength: 64, maxLength: 64 }).map((seed) => {
  const page = Buffer.alloc(pageBytes);
  for (let at = 0; at < pageBytes; at += 1) page[at] = ((seed[at % 64] ?? 0) * (at + 7)) >> (at % 5);
  return page;
});

/** A page as a server writes it. */
function page(block: number, { lsn = 0x100n, fill = 7 } = {}): Buffer {
  const bytes = Buffer.alloc(pageBytes, fill);
  bytes.writeUInt32LE(Number(lsn >> 32n), 0);
  bytes.writeUInt32LE(Number(lsn & 0xffff_ffffn), 4);
  bytes.writeUInt16LE(8000, 14);
  bytes.writeUInt16LE(pageChecksum(wordsOf(bytes), 0, block), 8);
  return bytes;
}

const control = parseControlFile(controlFile());
const startLsn = lsnFromBytes(0x5_0000_2000n);

describe('the checksum of a page', () => {
  test('is the one of checksum_impl.h', () => {
    fc.assert(
      fc.property(pageArbitrary, fc.integer({ min: 0, max: 2 ** 32 - 1 }), (bytes, block) => {
        const words = wordsOf(Buffer.concat([Buffer.alloc(pageBytes), bytes]));
        const before = words.slice();
        expect(pageChecksum(words, pageBytes / 4, block)).toBe(plainChecksum(bytes, block));
        expect(words).toEqual(before);
      }),
      { numRuns: 30 },
    );
  });

  test('changes with any bit of the page but its own', () => {
    const bytes = page(3);
    const good = pageChecksum(wordsOf(bytes), 0, 3);
    for (let bit = 0; bit < pageBytes * 8; bit += 997) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const isOwn = bit >> 4 === 4;
      expect(pageChecksum(wordsOf(flipped), 0, 3) === good, `bit ${bit}`).toBe(isOwn);
    }
  });
});

describe('a check of pages', () => {
  const check = () => new PageCheck(startLsn, control);
  const take = (path: string, bytes: Buffer, offset = 0) => {
    const pages = check();
    pages.take(path, offset, bytes);
    return pages.findings();
  };
  const bad = page(0);
  bad[5000] = 1;

  test('names the file and the block of those that are bad', () => {
    const bytes = Buffer.concat([page(0), page(1), page(7), page(3)]);
    expect(take('base/5/16384', bytes)).toMatchObject({
      checkedCount: 4,
      badCount: 1,
      bad: [{ file: 'base/5/16384', block: 2 }],
    });
  });

  test('counts blocks over the segments of a relation, and from where the piece begins', () => {
    const first = 131_072 * 2 + 5;
    const bytes = Buffer.concat([page(first), page(first + 1)]);
    expect(take('base/5/16384.2', bytes, 5 * pageBytes)).toMatchObject({ checkedCount: 2, badCount: 0 });
    expect(take('base/5/16384.1', bytes, 5 * pageBytes).bad[1]).toEqual({ file: 'base/5/16384.1', block: 131_072 + 6 });
  });

  test('leaves out pages that were never used, and those newer than the start of the backup', () => {
    const never = Buffer.alloc(pageBytes);
    const at = (lsn: bigint) => page(99, { lsn });
    const bytes = Buffer.concat([
      never,
      at(0x5_0000_2000n),
      at(0x5_0000_2001n),
      at(0x6_0000_0000n),
      page(4, { lsn: 0x5_0000_1fffn }),
    ]);
    expect(take('global/1262', bytes)).toEqual({ checkedCount: 1, newCount: 1, recentCount: 3, badCount: 0, bad: [] });
    expect(take('global/1262', at(0x4_ffff_ffffn))).toMatchObject({ checkedCount: 1, badCount: 1 });
  });

  test('leaves out a page that is not whole', () => {
    expect(take('base/5/1', Buffer.concat([page(0), bad.subarray(0, 512)]))).toMatchObject({
      checkedCount: 1,
      badCount: 0,
    });
  });

  test.each([
    'base/5/16384',
    'base/5/16384_fsm',
    'base/5/16384_vm.1',
    'base/1/2_init',
    'global/1262',
    'pg_tblspc/16385/PG_15_202209061/5/7',
  ])('looks at %s', (path) => expect(take(path, bad).badCount).toBe(1));

  test.each([
    'global/pg_control',
    'base/5/pg_filenode.map',
    'base/5/PG_VERSION',
    'base/5/pg_internal.init',
    'base/5/t3_16384',
    'pg_xact/0000',
    'base/5/sub/1',
    'base/5/16384x',
    'pg_wal/000000010000000000000001',
  ])('does not look at %s', (path) => expect(take(path, bad)).toMatchObject({ checkedCount: 0, badCount: 0 }));

  test('lists a hundred, and counts all', () => {
    const { badCount, bad: listed } = take('base/5/1', Buffer.concat(Array.from({ length: 300 }, () => bad)));
    expect(badCount).toBe(300);
    expect(listed).toHaveLength(100);
  });
});

describe('pg_control', () => {
  test('is read, with checksums and without', () => {
    expect(control).toEqual({
      systemIdentifier: '7710547627397989049',
      blockBytes: 8192,
      segmentBlocks: 131_072,
      hasPageChecksums: true,
    });
    expect(parseControlFile(controlFile({ checksums: false })).hasPageChecksums).toBe(false);
  });

  test('with any byte changed is none', () => {
    const whole = controlFile();
    for (let at = 0; at < 284; at += 1) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => parseControlFile(changed), `byte ${at}`).toThrow(
        expect.objectContaining({ code: 'backup_damaged' }),
      );
    }
    expect(() => parseControlFile(whole.subarray(0, 250))).toThrow(expect.objectContaining({ code: 'backup_damaged' }));
  });
});

describe('the pages of a backup', () => {
  let scratch: string;

  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'archive2-pages-'));
  });

  afterEach(() => {
    rmSync(scratch, { recursive: true });
  });

  const extract = (checksums: boolean, checkPageChecksums: boolean) => {
    // Longer than what is written at once, behind files of odd sizes.
    const many = Buffer.concat(Array.from({ length: 1200 }, (_, block) => page(block === 700 ? 1 : block)));
    const files = {
      'global/pg_control': controlFile({ checksums }),
      'base/5/1': page(0),
      'base/5/PG_VERSION': Buffer.from('15\n'),
      'base/5/16384': many,
      'base/5/16385': Buffer.concat([page(0), page(9)]),
    };
    const { copy } = makeBackup(join(scratch, `backup-${checksums}`), {
      files,
      tablespaces: { '16385': { 'PG_15_1/5/7': Buffer.concat([page(0), page(2, { lsn: BigInt(lsnIn(40)) })]) } },
    });
    return extractBackup({
      copies: [copy],
      cluster: 'main',
      identity,
      planId: 'plan',
      target: join(scratch, `data-${checksums}`),
      tablespaces: new Map([['16385', join(scratch, `ts-${checksums}`)]]),
      owner: undefined,
      checkPageChecksums,
      signal: new AbortController().signal,
      clock: systemClock,
      onProgress: () => undefined,
    });
  };

  test('are all compared while they are extracted, where the cluster has checksums', async () => {
    const { pages } = await extract(true, true);
    expect(pages).toEqual({
      checkedCount: 1 + 1200 + 2 + 1,
      newCount: 0,
      recentCount: 1,
      badCount: 2,
      bad: [
        { file: 'base/5/16384', block: 700 },
        { file: 'base/5/16385', block: 1 },
      ],
    });
  });

  test('are not, where it has none, or nobody asked', async () => {
    expect((await extract(false, true)).pages).toBeUndefined();
    expect((await extract(true, false)).pages).toBeUndefined();
  });
});
