import { describe, expect, test } from 'vitest';
import {
  bindsToPartner,
  coversAbsence,
  knownWal,
  type Pledge,
  type PledgeState,
  uniteKnownWal,
} from '../../../packages/core/src/archive/pledge.ts';
import { type ArchiveFileName, parseArchiveFileName } from '../../../packages/core/src/wal/archive-file.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { nameOf } from './wal-segment.ts';

const names = (...texts: string[]) => texts.map((text) => parseArchiveFileName(text).name);

function pledge(state: PledgeState, ...known: ArchiveFileName[]): Pledge {
  return { state, partner: 'b', since: '', bootId: '', place: '', ...knownWal(known) };
}

describe('the "no" of one host', () => {
  const known = names(
    nameOf(3),
    nameOf(7),
    nameOf(9, 2),
    '00000002.history',
    `${nameOf(8)}.partial`,
    `${nameOf(8)}.00000028.backup`,
  );

  test.each<[string, string, boolean]>([
    ['a segment after the newest that either had', nameOf(8), true],
    ['a segment far after it', nameOf(5000), true],
    ['the newest that either had: the other one may have it', nameOf(7), false],
    ['one between those that either had', nameOf(5), false],
    ['one before them', nameOf(0), false],
    ['a segment of a later timeline, after its newest', nameOf(10, 2), true],
    ['a segment of a later timeline, at its newest', nameOf(9, 2), false],
    ['any segment of a timeline that began since', nameOf(1, 3), true],
    ['a history file that neither had', '00000003.history', true],
    ['a history file that one of them had', '00000002.history', false],
    ['a .partial file, wherever it is', `${nameOf(8)}.partial`, false],
    ['a .backup file, wherever it is', `${nameOf(9)}.00000028.backup`, false],
  ])('on %s', (_, name, isEnough) => {
    expect(coversAbsence(pledge('held', ...known), parseArchiveFileName(name))).toBe(isEnough);
    for (const state of ['pending', 'ended', 'waived'] as const) {
      expect(coversAbsence(pledge(state, ...known), parseArchiveFileName(name)), state).toBe(false);
    }
  });
});

test('a pledge binds until a person waives it', () => {
  const binding = (['pending', 'held', 'ended', 'waived'] as const).filter((state) => bindsToPartner(pledge(state)));
  expect(binding).toEqual(['pending', 'held', 'ended']);
  expect(bindsToPartner(undefined)).toBe(false);
});

test('what both have is what either of them has', async () => {
  const ours = knownWal(names(nameOf(3), nameOf(9), '00000002.history', nameOf(4, 2)));
  const theirs = knownWal(names(nameOf(11), nameOf(2, 2), '00000003.history'));
  const united = { newest: [nameOf(11), nameOf(4, 2)], histories: ['00000002.history', '00000003.history'] };
  expect(uniteKnownWal(ours, theirs)).toEqual(united);
  expect(uniteKnownWal(theirs, ours)).toEqual(united);
  await failureFrom('bad_name', () => uniteKnownWal(ours, { newest: ['../x'], histories: [] }));
});
