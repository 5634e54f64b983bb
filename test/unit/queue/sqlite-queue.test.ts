import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BackupQueue } from '../../../packages/core/src/queue/backup-queue.ts';
import { openSqlite } from '../../../packages/core/src/queue/sqlite-door.ts';
import { SqliteQueue } from '../../../packages/core/src/queue/sqlite-queue.ts';
import {
  addCluster,
  claim,
  mustClaim,
  type QueueUnderTest,
  rejects,
  succeed,
} from '../../conformance/queue-under-test.ts';
import { runTraced } from '../files/strace.ts';

let directory: string;
let path: string;
const at = (queue: BackupQueue) => ({ queue }) as QueueUnderTest;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'queue-'));
  path = join(directory, 'queue.db');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function withQueue<T>(work: (queue: SqliteQueue) => Promise<T>, lockTimeoutMs = 10_000): Promise<T> {
  const queue = await SqliteQueue.open(path, { lockTimeoutMs });
  try {
    return await work(queue);
  } finally {
    await queue.close();
  }
}

describe('the file of a queue', () => {
  it('is for its owner alone, and made once', async () => {
    expect(await SqliteQueue.init(path)).toEqual(['queue']);
    expect(await SqliteQueue.init(path)).toEqual([]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('is not made by a command that only wants to use it', async () => {
    await rejects(SqliteQueue.open(path), 'queue_version');
    await rejects(SqliteQueue.init(join(directory, 'nowhere', 'queue.db')), 'queue_unavailable');
  });

  it('that is no database, or of a newer program, is refused', async () => {
    writeFileSync(path, 'not a database, but long enough to be taken for one'.repeat(100));
    await rejects(SqliteQueue.open(path), 'queue_unavailable');
    rmSync(path);
    await SqliteQueue.init(path);
    const database = await openSqlite(path);
    database.run("INSERT INTO migration VALUES (98, 'small', 0, 0)");
    await withQueue(async (queue) => await queue.state());
    database.run("INSERT INTO migration VALUES (99, 'great', 1, 0)");
    database.close();
    await rejects(SqliteQueue.open(path), 'queue_version');
    await rejects(SqliteQueue.init(path), 'queue_version');
  });

  it('waits for another program that writes, without stopping this one, and with a limit', async () => {
    await SqliteQueue.init(path);
    const other = await openSqlite(path);
    other.exec('BEGIN IMMEDIATE');
    await withQueue(async (queue) => {
      await rejects(queue.changeHost('a', { enabled: false }), 'queue_unavailable');
      expect((await queue.state()).hosts).toEqual([]);
    }, 100);
    await withQueue(async (queue) => {
      const changed = queue.changeHost('a', { enabled: false });
      // The change waits, and this still runs.
      setTimeout(() => other.exec('COMMIT'), 50);
      await changed;
      expect((await queue.state()).hosts).toHaveLength(1);
    });
    other.close();
  });

  it('has a change on the disk when the call returns', async () => {
    await SqliteQueue.init(path);
    const { status, stderr, calls } = runTraced('../queue/change-program.ts', [path]);
    expect(status, stderr).toBe(0);
    const said = (word: string) =>
      calls.find(({ name, args }) => name === 'write' && args.includes(word))?.beganAt ?? 0;
    const meantime = calls.filter(({ beganAt, endedAt }) => beganAt > said('begins') && endedAt < said('changed'));
    const last = meantime.findLast(({ name, args }) => /write|sync/.test(name) && args.includes('queue.db-wal'));
    expect(last?.name).toMatch(/^f(data)?sync$/);
  });

  it('gives one task to one of 20 workers, 50 times', async () => {
    await SqliteQueue.init(path);
    const workers = await Promise.all(Array.from({ length: 20 }, () => SqliteQueue.open(path)));
    const [queue] = workers as [SqliteQueue];
    await addCluster(at(queue), 'main', { archiveHosts: ['a'] });
    for (let round = 0; round < 50; round++) {
      const claims = await Promise.all(workers.map((worker) => claim({ queue: worker }, 'a')));
      const won = claims.flatMap((claimed) => claimed ?? []);
      expect(won).toHaveLength(1);
      for (const each of won) await succeed(at(queue), each);
      await queue.runNow('main', 'base');
    }
    for (const worker of workers) await worker.close();
  });

  it('undoes what a failing call has begun', async () => {
    await SqliteQueue.init(path);
    await withQueue(async (queue) => {
      await addCluster(at(queue), 'main');
      await mustClaim(at(queue), 'a');
      await rejects(queue.claim({ token: randomUUID(), host: 'new', cluster: 'other' }), 'unknown_cluster');
      expect((await queue.state()).hosts.map(({ name }) => name)).toEqual(['a']);
    });
  });
});
