import type { PostgresCluster } from '../../test/support/postgres-cluster.ts';

/** Settings under which segments stay in pg_wal and nothing but the measured work writes. */
export const benchSettings = {
  max_wal_size: '64GB',
  shared_buffers: '256MB',
  wal_keep_size: '64GB',
  checkpoint_timeout: '1h',
  autovacuum: 'off',
};

/** So many segments of pgbench's transactions alone take ten minutes to write. */
const manySegments = 200;

/**
 * Fills segments with pgbench's work and returns the names of `count` full ones that follow one another, oldest first. Where they are
 * many, its tables are also filled anew between its transactions: the mix is the same from the first to the last.
 */
export async function writeSegments(primary: PostgresCluster, count: number): Promise<string[]> {
  const first = await primary.switchWal();
  const size = BigInt(await primary.value("SELECT setting FROM pg_settings WHERE name = 'wal_segment_size'"));
  const position = async () => BigInt(await primary.value("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")) / size;
  const begin = await position();
  const run = (...words: string[]) =>
    primary.machine.check(['pgbench', '-h', '/run/postgresql', '-p', `${primary.port}`, ...words, 'postgres'], {
      timeoutMs: 300_000,
    });
  await run('-i', '-q', '-s', '20');
  while ((await position()) - begin < BigInt(count)) {
    await run('-c', '4', '-T', '2', '-N');
    if (count > manySegments) await run('-i', '-q', '-s', '20');
    await primary.sql('CHECKPOINT', { timeoutMs: 300_000 });
  }
  await primary.switchWal();
  return Array.from({ length: count }, (_, index) => following(first, index + 1, size));
}

/** The name of the segment `steps` after another one. */
function following(name: string, steps: number, size: bigint): string {
  const perLog = 2n ** 32n / size;
  const number = BigInt(`0x${name.slice(8, 16)}`) * perLog + BigInt(`0x${name.slice(16)}`) + BigInt(steps);
  const hex = (value: bigint) => value.toString(16).toUpperCase().padStart(8, '0');
  return `${name.slice(0, 8)}${hex(number / perLog)}${hex(number % perLog)}`;
}
