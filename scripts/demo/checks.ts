import { parseArchiveFileName } from '../../packages/core/src/wal/archive-file.ts';
import { nextSegment } from '../../packages/core/src/wal/segment-position.ts';
import { parseSegmentSize } from '../../packages/core/src/wal/segment-size.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { count, type Narrator } from './narrator.ts';
import { archivedNames, debtsOf, filesToArchive, SEGMENT_MB } from './scene.ts';
import { type Outcome, pgbenchTotals } from './show.ts';
import { storedDigests } from './stored-digests.ts';

/** Resolves with the line of a check that holds. @throws Error with the line of one that does not. */
type Check = (outcome: Outcome) => Promise<string>;

const checks: readonly Check[] = [everyCallKept, everySegmentOnBothHosts, copiesAreEqual, debtsArePaid, standbyHasAll];

/** Runs every check and prints a line for each; true when all of them hold. */
export async function runChecks(outcome: Outcome, say: Narrator): Promise<boolean> {
  let allHold = true;
  for (const check of checks) {
    try {
      say.check(true, await check(outcome));
    } catch (error) {
      allHold = false;
      say.check(false, error instanceof Error ? error.message : String(error));
    }
  }
  return allHold;
}

/** What PostgreSQL was told is archived, against what is there. */
async function everyCallKept({ scene, lastSegment }: Outcome): Promise<string> {
  const { archive, primary } = scene;
  const what = 'PostgreSQL to have nothing left to archive';
  await waitFor(() => filesToArchive(scene) === 0, { what });
  const { archivedCount, failedCount, lastArchivedWal } = await primary.archiverStats();
  if (lastArchivedWal < lastSegment) throw new Error(`PostgreSQL has archived up to ${lastArchivedWal} only`);
  for (const host of archive.hosts) {
    const there = archivedNames(archive, host).length;
    if (there !== archivedCount) {
      throw new Error(`archive_command succeeded for ${archivedCount} files, ${host.machine.name} has ${there}`);
    }
  }
  const repeated = failedCount === 0 ? 'none failed' : `${count(failedCount, 'failed call')} repeated`;
  return `archive_command: ${archivedCount} files acknowledged, as many on each host; ${repeated}`;
}

async function everySegmentOnBothHosts({ scene, lastSegment }: Outcome): Promise<string> {
  const { archive } = scene;
  const expected = segments(scene.firstSegment, lastSegment);
  for (const host of archive.hosts) {
    const there = new Set<string>(archivedNames(archive, host));
    const missing = expected.filter((name) => !there.has(name));
    if (missing.length > 0) throw new Error(`${host.machine.name} lacks ${abbreviated(missing)}`);
  }
  return `no gap: both hosts have all ${expected.length} segments up to the last switched one, ${lastSegment}`;
}

async function copiesAreEqual({ scene }: Outcome): Promise<string> {
  const { archive } = scene;
  const [first, second] = [await storedDigests(archive, archive.arch1), await storedDigests(archive, archive.arch2)];
  const names = [...new Set([...first.keys(), ...second.keys()])].toSorted();
  const different = names.filter((name) => first.get(name) !== second.get(name));
  if (different.length > 0) throw new Error(`arch1 and arch2 differ in ${abbreviated(different)}`);
  return `same content: the SHA-256 of all ${names.length} files, decoded, is the same on both hosts`;
}

async function debtsArePaid({ scene: { archive } }: Outcome): Promise<string> {
  const left = [...debtsOf(archive, archive.arch1, archive.arch2), ...debtsOf(archive, archive.arch2, archive.arch1)];
  if (left.length > 0) throw new Error(`still owed: ${abbreviated(left)}`);
  return 'debts: no host owes the other a copy';
}

async function standbyHasAll({ scene, totals }: Outcome): Promise<string> {
  const { standby, ledger } = scene;
  const isAlone = 'SELECT pg_is_in_recovery() AND NOT EXISTS (SELECT FROM pg_stat_wal_receiver)';
  if ((await standby.value(isAlone)) !== 't') throw new Error('the standby did not live on the archive alone');
  const { missing, unexpected } = await ledger.difference(standby);
  if (missing.length > 0) throw new Error(`the standby lacks ${count(missing.length, 'committed ledger row')}`);
  if (unexpected.length > 0) throw new Error(`the standby has ${count(unexpected.length, 'ledger row')} too many`);
  const there = await pgbenchTotals(standby);
  if (there !== totals) throw new Error(`pgbench (rows|amounts|balances): primary ${totals}, standby ${there}`);
  const rows = `${ledger.confirmed.length} ledger rows and ${there.split('|')[0]} of pgbench`;
  return `standby: every committed row is there, ${rows}, restored from the archive alone`;
}

function segments(first: string, last: string): string[] {
  const size = parseSegmentSize(SEGMENT_MB * 1024 * 1024);
  const names = [first];
  for (let name = first; name < last; ) {
    const file = parseArchiveFileName(name);
    if (file.kind !== 'segment') throw new Error(`${name} is no segment`);
    name = nextSegment(file, size);
    names.push(name);
  }
  return names;
}

function abbreviated(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${count(names.length, 'file')}: ${shown}, …` : shown;
}
