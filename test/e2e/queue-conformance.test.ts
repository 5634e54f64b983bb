import { afterAll, beforeAll, describe, it } from 'vitest';
import { checkOnPostgres } from '../conformance/postgres-under-test.ts';
import { queueFacts } from '../conformance/queue-facts.ts';
import { QueueServer } from '../support/queue-server.ts';

describe('the queue in PostgreSQL', () => {
  let server: QueueServer;
  beforeAll(() => {
    server = QueueServer.start();
  });
  afterAll(() => server.remove());

  for (const fact of queueFacts) it(fact.title, async () => checkOnPostgres(server, fact));
});
