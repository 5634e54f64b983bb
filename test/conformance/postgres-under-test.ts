import { initQueue } from '../../packages/core/src/queue/open-queue.ts';
import { PostgresQueue } from '../../packages/core/src/queue/postgres-queue.ts';
import { type QueueServer, queueLogin, quickPatience } from '../support/queue-server.ts';
import type { Fact, QueueUnderTest } from './queue-under-test.ts';

let databases = 0;

/** Checks a fact on a new database of the server. */
export async function checkOnPostgres(server: QueueServer, fact: Fact): Promise<void> {
  databases += 1;
  const database = `queue${databases}`;
  server.createDatabase(database);
  const conninfo = server.conninfo(database);
  const opened: PostgresQueue[] = [];
  const another = async () => {
    const rehearsedNowMs = () => test.nowMs;
    const queue = await PostgresQueue.open({ conninfo, settings: queueLogin, patience: quickPatience, rehearsedNowMs });
    opened.push(queue);
    return queue;
  };
  const test = { nowMs: Date.UTC(2026, 0, 5, 12) } as QueueUnderTest;
  try {
    await initQueue({ kind: 'postgres', conninfo }, queueLogin);
    test.queue = await another();
    test.another = another;
    test.lose = async ({ taskId }) => {
      server.sql(`DELETE FROM backup_queue.task WHERE task_id = ${taskId}`, { database });
      await Promise.resolve();
    };
    await fact.check(test);
  } finally {
    for (const queue of opened) await queue.close();
    server.sql(`DROP DATABASE ${database}`);
  }
}
