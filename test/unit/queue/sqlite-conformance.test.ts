import { describe, it } from 'vitest';
import { queueFacts } from '../../conformance/queue-facts.ts';
import { checkOnSqlite } from '../../conformance/sqlite-under-test.ts';

describe('the queue in bun:sqlite', () => {
  for (const fact of queueFacts) it(fact.title, async () => checkOnSqlite(fact));
});
