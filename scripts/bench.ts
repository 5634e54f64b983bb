/**
 * `make bench`: measures on the stand, as root, and prints a table. What we reach is compared with peers in the same run.
 *
 * Names of cases as arguments choose among them.
 */
import { measureBackup } from './bench/backup-case.ts';
import { measureCleanup } from './bench/cleanup-case.ts';
import { measurePush } from './bench/push-case.ts';
import { measureQueue } from './bench/queue-case.ts';
import { measureRestore } from './bench/restore-case.ts';
import { formatTable, type Row } from './bench/summary.ts';
import { measureSync } from './bench/sync-case.ts';

const cases: Record<string, () => Promise<Row[]>> = {
  push: measurePush,
  restore: measureRestore,
  sync: measureSync,
  cleanup: measureCleanup,
  queue: measureQueue,
  backup: measureBackup,
};

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !Object.hasOwn(cases, name));
if (unknown.length > 0) {
  console.error(`no such case: ${unknown.join(' ')}; there are ${Object.keys(cases).join(' ')}`);
  process.exit(64);
}
for (const [name, measure] of Object.entries(cases)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  console.log(formatTable([[name, ''], ...(await measure())]));
}
