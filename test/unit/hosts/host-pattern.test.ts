import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { matchesPattern, matchesPatternList } from '../../../packages/core/src/hosts/host-pattern.ts';

describe('a host pattern', () => {
  test.each([
    ['*', '', true],
    ['*', 'anything', true],
    ['?', 'a', true],
    ['?', '', false],
    ['10.0.0.?', '10.0.0.7', true],
    ['10.0.0.?', '10.0.0.17', false],
    ['*.example.org', 'a.b.example.org', true],
    ['*.example.org', 'example.org', false],
    ['a*b*c', 'aXbYbZc', true],
    ['a.c', 'abc', false],
    ['Host', 'host', false],
  ])('%s on %j: %s', (pattern, text, expected) => {
    expect(matchesPattern(pattern, text)).toBe(expected);
  });

  test('agrees with the regular expression of the same meaning', () => {
    const short = fc.stringMatching(/^[ab]{0,8}$/);
    fc.assert(
      fc.property(fc.stringMatching(/^[ab*?]{0,8}$/), short, (pattern, text) => {
        const expression = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`);
        expect(matchesPattern(pattern, text)).toBe(expression.test(text));
      }),
    );
  });

  test('many stars take no exponential time', () => {
    expect(matchesPattern(`${'*a'.repeat(40)}b`, 'a'.repeat(2000))).toBe(false);
  });

  test('a negated pattern excludes, and alone never includes', () => {
    expect(matchesPatternList(['*', '!dev*'], 'dev1')).toBe(false);
    expect(matchesPatternList(['!dev*', '*'], 'prod1')).toBe(true);
    expect(matchesPatternList(['!dev*'], 'prod1')).toBe(false);
  });
});
