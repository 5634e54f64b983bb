import type { PostgresCluster } from './postgres-cluster.ts';

export interface LoadOptions {
  /** Default 2. */
  clients?: number;
  /** Transactions per second of all clients together; default as fast as it goes. */
  rate?: number;
}

export interface Load {
  /** Ends the load. Fine when the server's end has ended it. */
  stop(): Promise<void>;
}

/** Makes pgbench's tables at scale 1 unless they are there, and runs its transactions until it is stopped. */
export async function startPgbench(cluster: PostgresCluster, { clients = 2, rate }: LoadOptions = {}): Promise<Load> {
  const where = ['-h', '/run/postgresql', '-p', `${cluster.port}`, 'postgres'];
  if ((await cluster.value("SELECT to_regclass('pgbench_accounts') IS NULL")) === 't') {
    await cluster.machine.check(['pgbench', '-i', '-q', ...where]);
  }
  const pace = rate === undefined ? [] : ['-R', `${rate}`];
  const argv = ['pgbench', '-n', '-c', `${clients}`, '-T', '86400', ...pace, ...where];
  const pgbench = cluster.machine.spawn(argv);
  await cluster.pollUntil(
    `SELECT count(*) >= ${clients} FROM pg_stat_activity WHERE application_name = 'pgbench'`,
    't',
  );
  return {
    stop: async () => {
      await pgbench.signal('SIGTERM');
      await pgbench.endWithin(10_000);
    },
  };
}
