import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { TextLines } from '../../../packages/core/src/base/text-lines.ts';

function linesOf(pieces: readonly string[]): string[] {
  const lines: string[] = [];
  const reader = new TextLines((line) => lines.push(line));
  for (const piece of pieces) reader.take(piece);
  reader.finish();
  return lines;
}

test('lines end in a line feed, a carriage return, or both', () => {
  expect(linesOf(['one\ntwo\r\nthree\rfour\n\nfive'])).toEqual(['one', 'two', 'three', 'four', '', 'five']);
  expect(linesOf([])).toEqual([]);
  expect(linesOf(['last\r'])).toEqual(['last']);
});

test('lines are the same however they come in pieces', () => {
  const text = fc.array(fc.constantFrom('a', 'b', '\n', '\r', '\r\n')).map((parts) => parts.join(''));
  fc.assert(
    fc.property(text, fc.array(fc.nat(20)), (whole, cuts) => {
      const places = [0, ...cuts.map((cut) => Math.min(cut, whole.length)).sort((a, b) => a - b), whole.length];
      const pieces = places.slice(1).map((end, index) => whole.slice(places[index], end));
      expect(linesOf(pieces)).toEqual(linesOf([whole]));
    }),
  );
});

test('a line is told as soon as its end has come', () => {
  const lines: string[] = [];
  const reader = new TextLines((line) => lines.push(line));
  reader.take('one\ntw');
  expect(lines).toEqual(['one']);
  reader.take('o\n');
  expect(lines).toEqual(['one', 'two']);
});

test('a line without an end comes in parts, and is not kept', () => {
  const parts = linesOf(['a line\n', ...Array.from({ length: 20 }, () => 'x'.repeat(10_000)), '\nthe next']);
  expect(parts.map((part) => part.length)).toEqual([6, 70_000, 70_000, 60_000, 8]);
});
