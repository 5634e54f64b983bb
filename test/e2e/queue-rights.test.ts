import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackupQueue } from '../../packages/core/src/queue/backup-queue.ts';
import { initQueue, openQueue } from '../../packages/core/src/queue/open-queue.ts';
import { addCluster, mustClaim, type QueueUnderTest, rejects, succeed } from '../conformance/queue-under-test.ts';
import { QueueServer, queueLogin } from '../support/queue-server.ts';

const database = 'queue';
const roles = ['worker', 'operator', 'monitor', 'nobody'] as const;

let server: QueueServer;

beforeAll(async () => {
  server = QueueServer.start();
  server.createDatabase(database);
  for (const role of roles) server.sql(`CREATE ROLE ${role} LOGIN`);
  await initQueue({ kind: 'postgres', conninfo: server.conninfo(database) }, queueLogin);
  for (const role of roles.filter((role) => role !== 'nobody')) server.sql(`GRANT backup_queue_${role} TO ${role}`);
});
afterAll(() => server.remove());

async function withQueue<T>(role: string, work: (queue: BackupQueue) => Promise<T>): Promise<T> {
  const queue = await openQueue({ kind: 'postgres', conninfo: server.conninfo(database, role) }, queueLogin);
  try {
    return await work(queue);
  } finally {
    await queue.close();
  }
}

describe('the whole privilege matrix', () => {
  it('on tables: the worker has none, the monitor reads, the operator writes what operators decide', () => {
    const lines = server.sql(
      `SELECT r, c.relname, string_agg(p, ' ' ORDER BY p COLLATE "C")
       FROM pg_class c
       CROSS JOIN unnest(ARRAY['worker', 'operator', 'monitor', 'nobody']) r
       CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p
       WHERE c.relnamespace = 'backup_queue'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
         AND has_table_privilege(r, c.oid, p)
       GROUP BY r, c.relname ORDER BY r COLLATE "C", c.relname COLLATE "C"`,
      { database },
    );
    expect(lines).toEqual([
      'monitor|archive_host|SELECT',
      'monitor|cluster|SELECT',
      'monitor|migration|SELECT',
      'monitor|schedule|SELECT',
      'monitor|source_server|SELECT',
      'monitor|turn|SELECT',
      'monitor|verification|SELECT',
      'operator|archive_host|DELETE INSERT SELECT UPDATE',
      'operator|cluster|DELETE INSERT SELECT UPDATE',
      'operator|migration|SELECT',
      'operator|schedule|DELETE INSERT SELECT UPDATE',
      'operator|source_server|DELETE INSERT SELECT UPDATE',
      'operator|turn|SELECT UPDATE',
      'operator|verification|SELECT',
    ]);
  });

  it('on columns of tasks: all but the token, for reading', () => {
    const lines = server.sql(
      `SELECT r, p, string_agg(a.attname, ' ') FILTER (WHERE NOT has_column_privilege(r, a.attrelid, a.attnum, p))
       FROM pg_attribute a
       CROSS JOIN unnest(ARRAY['worker', 'operator', 'monitor', 'nobody']) r
       CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) p
       WHERE a.attrelid = 'backup_queue.task'::regclass AND a.attnum > 0 AND NOT a.attisdropped
       GROUP BY r, p HAVING bool_or(has_column_privilege(r, a.attrelid, a.attnum, p)) ORDER BY r COLLATE "C"`,
      { database },
    );
    expect(lines).toEqual(['monitor|SELECT|token', 'operator|SELECT|token']);
  });

  it('on functions and the schema', () => {
    const functions = server.sql(
      `SELECT r, string_agg(p.proname, ' ' ORDER BY p.proname COLLATE "C")
       FROM pg_proc p CROSS JOIN unnest(ARRAY['worker', 'operator', 'monitor', 'nobody']) r
       WHERE p.pronamespace = 'backup_queue'::regnamespace AND has_function_privilege(r, p.oid, 'EXECUTE')
       GROUP BY r ORDER BY r COLLATE "C"`,
      { database },
    );
    expect(functions).toEqual([
      'monitor|migrations moment',
      'operator|migrations moment remove_cluster',
      'worker|claim complete get_next heartbeat migrations record_verification stop',
    ]);
    const schemas = server.sql(
      `SELECT r, p FROM unnest(ARRAY['worker', 'operator', 'monitor', 'nobody']) r, unnest(ARRAY['USAGE', 'CREATE']) p
       WHERE has_schema_privilege(r, 'backup_queue', p) ORDER BY r COLLATE "C"`,
      { database },
    );
    expect(schemas).toEqual(['monitor|USAGE', 'operator|USAGE', 'worker|USAGE']);
  });

  it('every function but pure arithmetic has a fixed search_path with the temporary schema last; the owner cannot log in', () => {
    const wrong = server.sql(
      `SELECT p.proname FROM pg_proc p JOIN pg_roles o ON o.oid = p.proowner
       WHERE p.pronamespace = 'backup_queue'::regnamespace
         AND (p.proname NOT IN ('is_open', 'pause_after', 'period') OR p.prosecdef)
         AND (p.proconfig IS DISTINCT FROM ARRAY['search_path=backup_queue, pg_temp']
           OR o.rolname <> 'backup_queue_owner' OR o.rolcanlogin OR o.rolsuper)`,
      { database },
    );
    expect(wrong).toEqual([]);
    expect(
      server.sql(
        `SELECT DISTINCT o.rolname FROM pg_class c JOIN pg_roles o ON o.oid = c.relowner
         WHERE c.relnamespace = 'backup_queue'::regnamespace`,
        { database },
      ),
    ).toEqual(['backup_queue_owner']);
  });
});

describe('what the roles can do with it', () => {
  it('the operator adds, the worker works, the monitor watches; none does what is another one’s', async () => {
    await withQueue('operator', async (queue) => {
      await addCluster({ queue } as QueueUnderTest, 'main');
      await queue.changeCluster('main', { archiveHosts: ['b', 'a'] });
      await queue.changeSchedule('main', 'base', { keep: 2 });
      await queue.changeHost('a', { maxRunning: 2 });
      await queue.changeServer('main', { maxRunning: 2 });
      await queue.runNow('main', 'base');
      await queue.retry('main', 'base');
      await rejects(queue.claim({ token: randomUUID(), host: 'a' }), 'queue_denied');
    });
    await withQueue('worker', async (queue) => {
      const test = { queue } as QueueUnderTest;
      const claimed = await mustClaim(test, 'a');
      await queue.heartbeat(claimed);
      await succeed(test, claimed);
      const moment = { startedAtMs: 0, endedAtMs: 1, ok: true, error: undefined, details: {} };
      const what = { taskId: undefined, cluster: 'main', host: 'a', name: 'data.master.1', method: 'restore' };
      await queue.recordVerification({ id: randomUUID(), ...what, ...moment });
      await rejects(queue.state(), 'queue_denied');
      await rejects(queue.tasks(), 'queue_denied');
      await rejects(queue.changeCluster('main', { enabled: false }), 'queue_denied');
      await rejects(queue.removeCluster('main'), 'queue_denied');
    });
    await withQueue('monitor', async (queue) => {
      expect((await queue.state()).clusters[0]?.name).toBe('main');
      expect((await queue.tasks())[0]?.state).toBe('succeeded');
      expect(await queue.verifications()).toHaveLength(1);
      await rejects(queue.changeHost('a', { enabled: false }), 'queue_denied');
      await rejects(queue.runNow('main', 'base'), 'queue_denied');
    });
    await withQueue('operator', async (queue) => await queue.removeCluster('main'));
    await rejects(
      withQueue('nobody', async () => undefined),
      'queue_denied',
    );
  });

  it('a worker’s own tables, functions and clock change nothing in what its calls do', () => {
    server.sql(
      `CREATE TEMP TABLE task AS SELECT 1 AS task_id; CREATE TEMP TABLE archive_host (name text);
       SET search_path = pg_temp, public; SET backup_queue.now = '2099-01-01';
       SELECT * FROM backup_queue.claim('${randomUUID()}', 'shadow')`,
      { database, role: 'worker' },
    );
    const [seen = ''] = server.sql(
      `SELECT seen_at < now() + interval '1 hour' FROM backup_queue.archive_host WHERE name = 'shadow'`,
      {
        database,
      },
    );
    expect(seen).toBe('t');
  });

  it('the schema itself refuses a password', () => {
    const insert = (conninfo: string) =>
      server.sql(
        `INSERT INTO backup_queue.cluster (name, conninfo, archive_hosts, directory, source_server)
         VALUES ('secret', '${conninfo}', '{a}', '/storage', 'db')`,
        { database, role: 'operator' },
      );
    for (const conninfo of ['host=x password=secret', 'PASSWORD = secret', 'sslpassword=x', 'postgresql://u:p@h/d']) {
      expect(() => insert(conninfo)).toThrow(/violates check constraint/);
    }
    insert('host=x passfile=/home/backup/.pgpass');
    server.sql(`DELETE FROM backup_queue.cluster`, { database, role: 'operator' });
  });
});
