import type { HostLook, Trends } from '../derive/cluster-look.ts';
import { type Known, known, unknown } from '../model/known.ts';
import type { SampleBook } from '../samples/sample-book.ts';
import { diskRing, growthOver, quickRing, whenZero } from '../samples/series.ts';
import type { ServerLook } from '../sources/server-watch.ts';

const MINUTE_MS = 60_000;
/** Samples of less than this say nothing of a disk that backups fill and rotation empties; pg_wal fills within minutes. */
const diskOverMs = 60 * MINUTE_MS;
const walOverMs = 2 * MINUTE_MS;
const growthOverMs = 5 * MINUTE_MS;

/** Notes what this look measured, and tells what it and the earlier ones say together. */
export function takeTrends(
  book: SampleBook,
  cluster: string,
  { hosts, servers, nowMs }: { hosts: readonly HostLook[]; servers: readonly ServerLook[]; nowMs: number },
): Trends {
  const diskFull = new Map<string, Known<number | null>>();
  const growth = new Map<string, Known<number>>();
  const walFull = new Map<string, Known<number | null>>();
  for (const { name, survey } of hosts) {
    if (!survey.known) continue;
    const { disk, debts } = survey.value;
    const free = { atMs: nowMs, value: disk.freeBytes };
    diskFull.set(
      name,
      orNotYet(whenZero(book.add(`disk ${cluster} ${name}`, free, diskRing), free, diskOverMs), 'an hour'),
    );
    const owed = { atMs: nowMs, value: debts.count };
    growth.set(
      name,
      orNotYet(growthOver(book.add(`debts ${cluster} ${name}`, owed, quickRing), owed, growthOverMs), '5 minutes'),
    );
  }
  for (const { name, walDisk } of servers) {
    if (!walDisk.known) continue;
    const free = { atMs: nowMs, value: walDisk.value.freeBytes };
    walFull.set(
      name,
      orNotYet(whenZero(book.add(`pg_wal ${cluster} ${name}`, free, quickRing), free, walOverMs), '2 minutes'),
    );
  }
  const notMeasured = unknown('not measured');
  return {
    diskFullAtMs: (host) => diskFull.get(host) ?? notMeasured,
    debtsGrowth: (host) => growth.get(host) ?? notMeasured,
    walFullAtMs: (server) => walFull.get(server) ?? notMeasured,
  };
}

function orNotYet<T>(value: T | undefined, takes: string): Known<T> {
  return value === undefined ? unknown(`not known yet: it takes ${takes} of looks`) : known(value);
}
