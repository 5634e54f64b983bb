import { AcceptedHoles } from '@archive2/core/archive/accepted-holes.ts';
import type { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import { recordEvent } from '@archive2/core/archive/events.ts';
import { readClusterRecord } from '@archive2/core/archive/identity.ts';
import { WalStore } from '@archive2/core/archive/wal-store.ts';
import { readCatalog } from '@archive2/core/backups/read-catalog.ts';
import { Activity } from '@archive2/core/base/activity.ts';
import { systemClock } from '@archive2/core/base/clock.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { failureTable } from '@archive2/core/base/failure-table.ts';
import type { Log } from '@archive2/core/base/log.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import { writeStdout } from '@archive2/core/cli/exit.ts';
import { optionalText } from '@archive2/core/cli/option-values.ts';
import { readLocalIdentity } from '@archive2/core/hosts/local-identity.ts';
import type { Catalog } from '@archive2/core/protocol/catalog-text.ts';
import { longestReason } from '@archive2/core/wal/accepted-hole.ts';
import { formatHole } from '../format-report.ts';
import { commandSpec, holesDirectory } from '../options.ts';
import { readSmallHere } from '../small-files.ts';
import { lookForHoles } from './look-for-holes.ts';
import { parseRange } from './parse-range.ts';

/** `holes [list]` and `holes ack FROM TO --why TEXT`: by this host's own files, without the peer. */
export async function runHoles(
  words: readonly string[],
  options: Record<string, unknown>,
  environment: Readonly<Record<string, string | undefined>>,
  log: Log,
): Promise<number> {
  const directory = holesDirectory(options);
  const store = await openStore(directory, log);
  const catalog = await readCatalog(store, systemClock.nowMs());
  const [action = 'list', from, to, ...rest] = words;
  if (action === 'list' && from === undefined) return await listHoles(store, catalog);
  if (action !== 'ack' || from === undefined || to === undefined || rest.length > 0) {
    throw usageFailure(commandSpec, 'holes takes list, or ack FROM TO --why TEXT');
  }
  const range = parseRange(from, to, catalog, store.identity?.segmentSize);
  const accepted = { ...range, why: reasonOf(options), who: await whoAsks(environment), atMs: systemClock.nowMs() };
  await new AcceptedHoles(directory).add([accepted], accepted.atMs);
  const { who, why } = accepted;
  await recordEvent(directory, { event: 'hole-accepted', ...range, who, why }, accepted.atMs);
  log.info('accepted as missing; the peer hears of it with its next wal-sync', { ...range, who });
  return 0;
}

async function listHoles(store: WalStore, catalog: Catalog): Promise<number> {
  const holes = await lookForHoles(store, {
    names: catalog.stored.keys(),
    backups: catalog.backups,
    accepted: catalog.acceptedHoles,
    readHistory: (file) => readSmallHere(store, file),
    onBrokenHistory: (_file, failure) => {
      throw failure;
    },
  });
  await writeStdout(holes.length === 0 ? 'no segment is missing\n' : `${holes.map(formatHole).join('\n')}\n`);
  return holes.some(({ accepted }) => accepted === undefined) ? failureTable.hole.exit : 0;
}

async function openStore(directory: ClusterDirectory, log: Log): Promise<WalStore> {
  const record = await readClusterRecord(directory);
  if (record === undefined) {
    throw new Failure('not_initialized', `${directory.path} has no cluster.json, so it cannot say what it lacks`, {
      hint: 'Check that the disk is mounted and the path is right.',
    });
  }
  const { cluster } = record;
  return await WalStore.open(directory, { cluster, maxAhead: 0, clock: systemClock, log, activity: new Activity() });
}

function reasonOf(options: Record<string, unknown>): string {
  const why = optionalText(options, 'why')?.trim() ?? '';
  if (why !== '' && why.length <= longestReason) return why;
  throw new Failure('usage', `--why takes 1 to ${longestReason} characters`, {
    hint: 'Say for those who come after you why the segments are lost.',
  });
}

async function whoAsks(environment: Readonly<Record<string, string | undefined>>): Promise<string> {
  const { userName, hostName } = await readLocalIdentity();
  const sudoer = environment['SUDO_USER'];
  return `${sudoer === undefined || sudoer === '' ? userName : sudoer}@${hostName}`.slice(0, 200);
}
