import type { RestoreStand, Source } from './restore-stand.ts';

/**
 * Milliseconds that a real recovery to the latest takes, from its start to its end, by the server's own log; from a cold start.
 */
export async function measureRecovery(bench: RestoreStand, source: Source): Promise<number> {
  const copy = await bench.copy(source);
  copy.configure({
    shared_buffers: '256MB',
    log_line_prefix: '%m [%p] ',
    checkpoint_timeout: '1h',
    max_wal_size: '8GB',
  });
  await bench.restorer.check(['rm', '-f', '/var/log/postgresql/source.log']);
  await bench.prepare(source);
  await copy.start({ timeoutMs: 300_000 });
  await copy.pollUntil('SELECT pg_is_in_recovery()', 'f', 300_000);
  const log = copy.log();
  await copy.stop('immediate');
  return timeOf(log, 'archive recovery complete') - timeOf(log, 'starting archive recovery');
}

/** When the server logged a text first, in milliseconds since the epoch. */
function timeOf(log: string, text: string): number {
  const line = log.split('\n').find((one) => one.includes(text));
  const time = line === undefined ? Number.NaN : Date.parse(`${line.slice(0, 10)}T${line.slice(11, 23)}Z`);
  if (Number.isNaN(time)) throw new Error(`the server did not log "${text}":\n${log.slice(-2000)}`);
  return time;
}
