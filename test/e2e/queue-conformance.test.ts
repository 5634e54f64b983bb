import { afterAll, beforeAll, describe, it } from 'vitest';
import { checkOnPostgres } from '../conformance/postgres-under-test.ts';
import { queueFacts } from '../conformance/queue-facts.ts';
import { unpackedPostgresPrograms } from '../support/postgres-programs.ts';
import { QueueServer } from '../support/queue-server.ts';

/** The installed one, and what scripts/postgres-versions.sh has unpacked. */
const versions = [undefined, ...[13, 17, 18].filter((major) => unpackedPostgresPrograms(major) !== undefined)];

describe.each(versions)('the queue in PostgreSQL %s', (major) => {
  let server: QueueServer;
  beforeAll(() => {
    server = QueueServer.start(major);
  });
  afterAll(() => server.remove());

  for (const fact of queueFacts) it(fact.title, async () => checkOnPostgres(server, fact));
});
