import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../packages/core/src/base/clock.ts';
import { openSqlite } from '../../packages/core/src/queue/sqlite-door.ts';
import { SqliteQueue } from '../../packages/core/src/queue/sqlite-queue.ts';
import type { Fact, QueueUnderTest } from './queue-under-test.ts';

/** Checks a fact on a new file, by whichever driver this runtime has. */
export async function checkOnSqlite(fact: Fact): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'queue-'));
  const path = join(directory, 'queue.db');
  const clock = { ...systemClock, nowMs: () => test.nowMs };
  const opened: SqliteQueue[] = [];
  const another = async () => {
    const queue = await SqliteQueue.open(path, { clock });
    opened.push(queue);
    return queue;
  };
  const test = { nowMs: Date.UTC(2026, 0, 5, 12) } as QueueUnderTest;
  try {
    await SqliteQueue.init(path, { clock });
    test.queue = await another();
    test.another = another;
    test.lose = async ({ taskId }) => {
      const database = await openSqlite(path);
      database.run('DELETE FROM task WHERE task_id = ?', taskId);
      database.close();
    };
    await fact.check(test);
  } finally {
    for (const queue of opened) await queue.close();
    rmSync(directory, { recursive: true, force: true });
  }
}
