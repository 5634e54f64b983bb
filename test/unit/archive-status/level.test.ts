import { expect, test } from 'vitest';
import { exitOfLevel, worstLevel } from '../../../packages/archive-status/src/check/level.ts';

test('levels end as monitoring plugins do, and what is not known is never 0', () => {
  expect(exitOfLevel).toEqual({ ok: 0, warning: 1, critical: 2, unknown: 3 });
});

test('what is wrong counts before what is not known, and nothing at all is not known', () => {
  expect(worstLevel(['ok', 'unknown'])).toBe('unknown');
  expect(worstLevel(['unknown', 'warning', 'ok'])).toBe('warning');
  expect(worstLevel([])).toBe('unknown');
});
