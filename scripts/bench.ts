/**
 * `make bench`: measures on the stand, as root, prints tables and writes docs/benchmarks.md. What we reach is compared with peers in
 * the same run.
 *
 * Names of cases as arguments choose among them.
 */
import { asInstalled } from './bench/as-installed.ts';
import { measureBackup } from './bench/backup-case.ts';
import { measureCleanup } from './bench/cleanup-case.ts';
import { measureComeback } from './bench/comeback-case.ts';
import { measureExtraction } from './bench/extract-case.ts';
import { measureFailure } from './bench/failure-case.ts';
import { measureGrowth } from './bench/growth-case.ts';
import { measurePush } from './bench/push-case.ts';
import { measureQueue } from './bench/queue-case.ts';
import { measureRestore } from './bench/restore-case.ts';
import { type CaseResult, formatTable } from './bench/summary.ts';
import { measureSync } from './bench/sync-case.ts';
import { writeReport } from './bench/write-report.ts';

interface Case {
  title: string;
  measure: () => Promise<CaseResult>;
}

const cases: Record<string, Case> = {
  push: { title: 'Archiving', measure: measurePush },
  failure: { title: 'Archiving with a dead host, and over a far link', measure: measureFailure },
  growth: { title: 'Archiving more', measure: measureGrowth },
  restore: { title: 'restore_command', measure: measureRestore },
  backup: { title: 'Base backups', measure: measureBackup },
  comeback: { title: 'Restoring a base backup', measure: measureComeback },
  extract: { title: 'Extracting a base backup', measure: measureExtraction },
  sync: { title: 'wal-sync', measure: measureSync },
  cleanup: { title: 'wal-cleanup', measure: measureCleanup },
  queue: { title: 'The backup queue', measure: measureQueue },
};

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !Object.hasOwn(cases, name));
if (unknown.length > 0) {
  console.error(`no such case: ${unknown.join(' ')}; there are ${Object.keys(cases).join(' ')}`);
  process.exit(64);
}
for (const [name, { title, measure }] of Object.entries(cases)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  asInstalled();
  const result = await measure();
  console.log(`${title}\n${formatTable(result.rows)}\n`);
  writeReport(name, title, result);
}
