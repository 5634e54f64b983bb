/**
 * The conformance suite on better-sqlite3, which runs under Node only:
 * `node --import tsx --test test/conformance/node-sqlite-program.ts`, see the Makefile.
 */
import { register } from 'node:module';
import { describe, it } from 'node:test';

register('./sql-text-hooks.mjs', import.meta.url);
const { queueFacts } = await import('./queue-facts.ts');
const { checkOnSqlite } = await import('./sqlite-under-test.ts');

await describe('the queue in better-sqlite3', async () => {
  for (const fact of queueFacts) await it(fact.title, async () => checkOnSqlite(fact));
});
