import { describe, expect, test } from 'vitest';
import { checkSpace, expectedBytes, watermarkBytes } from '../../../packages/base-backup/src/take/space-check.ts';
import type { StoredBackup } from '../../../packages/core/src/backups/read-backup.ts';
import { formatDuration, formatProgress } from '../../../packages/core/src/cli/format-progress.ts';

const last = (sizeBytes: number, sourceBytes: number, startedMs = 1, state = 'complete') =>
  ({ state, startedMs, record: { sizeBytes, sourceBytes } }) as unknown as StoredBackup;

describe('the space for a backup', () => {
  test('is expected by the last complete one, and is the whole cluster without one', () => {
    expect(expectedBytes(1000, [])).toBe(1000);
    expect(expectedBytes(1000, [last(100, 500)])).toBe(220);
    expect(expectedBytes(1000, [last(100, 500), last(50, 500, 2), last(500, 500, 3, 'unfinished')])).toBe(110);
    expect(expectedBytes(1000, [last(1000, 500)])).toBe(1000);
  });

  test('must leave the watermark free, which is a share or a size', () => {
    const space = { freeBytes: 300, totalBytes: 1000, freeInodes: 1 };
    expect(watermarkBytes({ share: 0.05 }, space)).toBe(50);
    expect(() => checkSpace('/s', space, 250, { share: 0.05 })).not.toThrow();
    expect(() => checkSpace('/s', space, 251, { share: 0.05 })).toThrow(expect.objectContaining({ code: 'disk_full' }));
    expect(() => checkSpace('/s', space, 0, { bytes: 301 })).toThrow(expect.objectContaining({ code: 'disk_full' }));
  });
});

describe('the progress of a backup', () => {
  test('is a bar, a share, sizes, a rate and the time that is left, as far as they are known', () => {
    expect(formatProgress({ doneBytes: 512 * 2 ** 20, totalBytes: 2 ** 30, elapsedMs: 4000 })).toBe(
      '[############------------]   50 %  512 MiB of 1.0 GiB  128 MiB/s  4 s left',
    );
    expect(formatProgress({ doneBytes: 2 ** 20, totalBytes: undefined, elapsedMs: 1000 })).toBe('1.0 MiB  1.0 MiB/s');
    expect(formatProgress({ doneBytes: 0, totalBytes: 0, elapsedMs: 0 })).toBe('0 bytes of 0 bytes');
    expect(formatProgress({ doneBytes: 20, totalBytes: 10, elapsedMs: 1000 })).toContain('100 %');
  });

  test.each([
    [0, '0 s'],
    [59.4, '59 s'],
    [200, '3 min 20 s'],
    [7500, '2 h 5 min'],
    [-3, '0 s'],
  ])('%d s is %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });
});
