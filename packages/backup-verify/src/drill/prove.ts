import { formatBytes } from '@archive2/core/base/byte-size.ts';
import { formatDuration } from '@archive2/core/cli/relative-time.ts';
import type { RecordedDrill } from '@archive2/core/restore/drill/drill-store.ts';
import type { CheckResult } from '@archive2/core/restore/server/checks/check.ts';
import type { FoundCluster, FoundDatabase } from '@archive2/core/restore/server/checks/inspect-databases.ts';
import type { RecoveryStory } from '@archive2/core/restore/server/recovery-log.ts';
import type { RecoveryTarget } from '@archive2/core/restore/server/recovery-target.ts';
import type { ExpectedEnd } from '../choose/expected-end.ts';

/** The findings that every drill has, each a check of its own. All pure. */

const passed = (name: string, value: string): CheckResult => ({
  name,
  ok: true,
  value,
  problem: undefined,
  elapsedMs: 0,
  evidence: [],
});

const failed = (name: string, value: string | undefined, problem: string, evidence: string[] = []): CheckResult => ({
  name,
  ok: false,
  value,
  problem,
  elapsedMs: 0,
  evidence,
});

/** The restored cluster is the one that was meant: by the archive, by pg_control, by a person. */
export function proveIdentity(
  found: { extracted: string; running: string },
  archive: string,
  expected: string | undefined,
): CheckResult {
  const name = 'system identifier';
  const wanted = expected ?? archive;
  const other = [found.extracted, found.running, archive].find((it) => it !== wanted);
  return other === undefined
    ? passed(name, wanted)
    : failed(name, other, `the backup is of the cluster ${other}, not of ${wanted}: it is another cluster's`);
}

/** The recovery read what the archives had when the drill began; it may have read more. */
export function proveEnd(
  { lastRestored, endOfWal, redoStartLsn, stoppedAt }: RecoveryStory,
  target: RecoveryTarget,
  { reach }: ExpectedEnd,
): CheckResult {
  const name = 'end of recovery';
  if (redoStartLsn === undefined) return failed(name, undefined, 'nothing was replayed');
  if (target.kind !== 'latest') {
    return stoppedAt === undefined
      ? failed(name, undefined, 'the recovery did not stop at its target')
      : passed(name, `stopped ${stoppedAt}`);
  }
  if (reach.last === undefined) return passed(name, 'no WAL after the backup is archived');
  const last = lastRestored ?? 'none';
  if (isAtOrAfter(lastRestored, reach.last)) return passed(name, last);
  const why = endOfWal === undefined ? '' : ` (PostgreSQL: ${endOfWal})`;
  return failed(
    name,
    last,
    `the replay stopped short: the last segment was ${last}, the archives have ${reach.last}${why}`,
  );
}

/** Names sort by timeline, then by position; the recovery may have gone over to a later timeline meanwhile. */
function isAtOrAfter(restored: string | undefined, expected: string): boolean {
  return restored !== undefined && restored.length === 24 && restored >= expected;
}

/** The newest commit is not too old; only where the recovery went to the latest. */
export function proveFreshness(rpoMs: number | undefined, maxRpoMs: number | undefined): CheckResult {
  const name = 'newest commit';
  if (rpoMs === undefined) {
    const problem = 'no commit was replayed, so nobody knows how old the data are';
    return maxRpoMs === undefined ? passed(name, 'none was replayed') : failed(name, undefined, problem);
  }
  const age = `${formatDuration(rpoMs)} old`;
  return maxRpoMs !== undefined && rpoMs > maxRpoMs
    ? failed(name, age, `the newest commit is ${age}; at most ${formatDuration(maxRpoMs)} are allowed (--max-rpo)`)
    : passed(name, age);
}

/** Every database lets us in, and its catalogs can be read. */
export function proveDatabases({ databases }: FoundCluster): CheckResult {
  const name = 'databases';
  const unreadable = databases.filter(({ problem }) => problem !== undefined);
  const lines = unreadable.map(({ name, problem }) => `${name}: ${problem}`);
  return unreadable.length === 0
    ? passed(name, `${databases.length} readable`)
    : failed(name, `${unreadable.length} of ${databases.length} not readable`, lines[0] ?? '', lines);
}

/** There are tables: a cluster just made by initdb would pass everything else. */
export function proveNotEmpty({ databases }: FoundCluster, allowEmpty: boolean): CheckResult {
  const name = 'tables';
  const tables = databases.reduce((sum, database) => sum + database.tables, 0);
  if (tables > 0 || allowEmpty) return passed(name, String(tables));
  return failed(
    name,
    '0',
    'no database has a table: the backup is of an empty cluster (--allow-empty if that is right)',
  );
}

/** What was there in the last good drill of this cluster is there, and has not shrunk to less than a share of it. */
export function proveSizes({ databases }: FoundCluster, past: readonly RecordedDrill[], minShare: number): CheckResult {
  const name = 'sizes';
  const total = (all: readonly Pick<FoundDatabase, 'sizeBytes'>[]) => all.reduce((sum, it) => sum + it.sizeBytes, 0);
  const size = formatBytes(total(databases));
  const before = past.find(({ ok, databases }) => ok && databases.length > 0);
  if (before === undefined || minShare === 0) return passed(name, size);
  const problems = before.databases.flatMap((old) => {
    const now = databases.find((database) => database.name === old.name);
    if (now === undefined) return [`database ${old.name} is gone since the drill of ${day(before.startedMs)}`];
    return now.sizeBytes < old.sizeBytes * minShare
      ? [
          `database ${old.name} has ${formatBytes(now.sizeBytes)}, and had ${formatBytes(old.sizeBytes)} on ${day(before.startedMs)}`,
        ]
      : [];
  });
  return problems.length === 0
    ? passed(name, size)
    : failed(name, size, `${problems[0]} (--min-share 0 once, if that is right)`, problems);
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
