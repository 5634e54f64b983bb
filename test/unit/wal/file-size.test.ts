import { expect, test } from 'vitest';
import { parseArchiveFileName } from '../../../packages/core/src/wal/archive-file.ts';
import { checkSourceSize, expectedRawSize } from '../../../packages/core/src/wal/file-size.ts';
import { segmentSizes } from './arbitraries.ts';
import { failureOf } from './expect-failure.ts';

const whole = ['000000010000000000000003', '000000010000000000000003.partial'].map((n) => parseArchiveFileName(n));
const texts = ['00000002.history', '000000010000000000000003.00000028.backup'].map((n) => parseArchiveFileName(n));

test('segments and partial segments have exactly the segment size', () => {
  for (const size of segmentSizes) {
    for (const file of whole) {
      expect(expectedRawSize(file, size)).toEqual({ minRawSizeBytes: size, maxRawSizeBytes: size });
      checkSourceSize(file, size, size);
      for (const wrong of [0, size - 1, size + 1, size * 2]) {
        expect(failureOf('bad_source', () => checkSourceSize(file, size, wrong)).message).toContain(`${wrong} bytes`);
      }
    }
  }
});

test('history files are not empty and at most 1 MiB', () => {
  for (const file of texts) {
    for (const good of [1, 43, 2 ** 20]) checkSourceSize(file, segmentSizes[0]!, good);
    for (const bad of [0, 2 ** 20 + 1]) failureOf('bad_source', () => checkSourceSize(file, segmentSizes[0]!, bad));
  }
});
