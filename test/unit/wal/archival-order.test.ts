import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareArchivalOrder } from '../../../packages/core/src/wal/archival-order.ts';
import { parseArchiveFileName } from '../../../packages/core/src/wal/archive-file.ts';

const inOrder = [
  '00000002.history',
  '00000003.history',
  '0000000A.history',
  '000000010000000000000003',
  '000000010000000000000003.00000028.backup',
  '000000010000000000000004',
  '000000010000000000000005.partial',
  '000000010000000100000000',
  '000000020000000000000005',
];

test('history files go first, oldest timeline first, then the rest by name', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(inOrder), (names) => {
      const sorted = names.map((name) => parseArchiveFileName(name)).sort(compareArchivalOrder);
      expect(sorted.map((file) => file.name)).toEqual(inOrder.filter((name) => names.includes(name)));
    }),
  );
});

test('a file is equal to itself only', () => {
  for (const a of inOrder) {
    for (const b of inOrder) {
      const order = compareArchivalOrder(parseArchiveFileName(a), parseArchiveFileName(b));
      expect(Math.sign(order)).toBe(Math.sign(inOrder.indexOf(a) - inOrder.indexOf(b)));
    }
  }
});
