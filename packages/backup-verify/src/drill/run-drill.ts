import { randomUUID } from 'node:crypto';
import type { ArchivePlace } from '@archive2/core/backups/archive-place.ts';
import { askPlaces } from '@archive2/core/backups/ask-places.ts';
import { WalHold } from '@archive2/core/backups/hold-wal.ts';
import { type Failure, toFailure } from '@archive2/core/base/failure.ts';
import { openArchivePlaces } from '@archive2/core/cli/archive-options.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import type { DrillProblem, DrillReport } from '@archive2/core/restore/drill/drill-report.ts';
import type { RecordedDrill } from '@archive2/core/restore/drill/drill-store.ts';
import { checkDatabase } from '@archive2/core/restore/server/checks/inspect-databases.ts';
import type { StartedServer } from '@archive2/core/restore/server/start-server.ts';
import type { DrillOrder } from '../drill-order.ts';
import type { DrillWorld } from '../drill-world.ts';
import { Scratch } from '../scratch/scratch.ts';
import { stopAgent } from '../scratch/stop-agent.ts';
import { checkServer } from './check-server.ts';
import { DrillNotes } from './drill-notes.ts';
import { describeFailedChecks, isOfTheBackup } from './drill-problem.ts';
import { evidenceOf } from './look-into.ts';
import { type DrillPlan, planDrill } from './plan-drill.ts';
import { provePages } from './prove-pages.ts';
import { checkRoom, followDrill, type PreparedServer, prepareServer, startDrill } from './restore.ts';

/** A survey reads one directory; a host that takes longer is one that does not answer. */
const surveyWithinMs = 60_000;

/**
 * Restores a backup, proves it, and throws it away. Whatever happens, the report says it, no process of the drill is left, and of its
 * files only what is to be kept as evidence. Never rejects. `past`: newest first.
 */
export async function runDrill(
  order: DrillOrder,
  past: readonly RecordedDrill[],
  world: DrillWorld,
): Promise<DrillReport> {
  const notes = new DrillNotes(world.clock);
  const places = openArchivePlaces(order.archive, 'get', world);
  let problem: DrillProblem | undefined;
  try {
    problem = await drillWith(places, order, past, world, notes);
  } catch (error) {
    problem = problemOf(toFailure(world.signal.aborted ? world.signal.reason : error));
  } finally {
    await Promise.all(places.map((place) => place.close().catch(() => undefined)));
  }
  const about = { id: randomUUID(), cluster: order.archive.cluster, host: order.host, program: programVersion };
  return notes.report(about, problem);
}

/** What is wrong with the backup; undefined when it proved to be good. Throws what ends the drill before that is known. */
async function drillWith(
  places: readonly ArchivePlace[],
  order: DrillOrder,
  past: readonly RecordedDrill[],
  world: DrillWorld,
  notes: DrillNotes,
): Promise<DrillProblem | undefined> {
  world.onPhase('asking the archives');
  const answers = await askPlaces(places, surveyWithinMs);
  const plan = planDrill(order, answers, past, Math.random(), notes);
  noteBackup(plan, notes);
  const scratch = await Scratch.open(order.scratchDirectory, order.archive.cluster);
  try {
    return await drillIn(scratch, plan, order, past, world, notes);
  } finally {
    scratch.release();
  }
}

async function drillIn(
  scratch: Scratch,
  plan: DrillPlan,
  order: DrillOrder,
  past: readonly RecordedDrill[],
  world: DrillWorld,
  notes: DrillNotes,
): Promise<DrillProblem | undefined> {
  const { clock, log, signal } = world;
  let prepared: PreparedServer | undefined;
  let keeps = false;
  const hold = await WalHold.begin(
    plan.hosts.map(({ place }) => place),
    { holder: holderOf(order), from: plan.chosen.backup.start },
    clock,
    log,
  );
  try {
    await checkRoom(plan, scratch);
    world.onPhase('extracting');
    prepared = await notes.timed('extract', () => prepareServer(plan, order, scratch, world));
    await restoreAndCheck(prepared, { scratch, plan, order, past, world, notes });
    const problem = describeFailedChecks(notes.checks);
    keeps = problem !== undefined && order.keepOnFailure;
    return problem;
  } catch (error) {
    keeps = !signal.aborted && order.keepOnFailure && isOfTheBackup(toFailure(error));
    throw error;
  } finally {
    await stopAgent(scratch, clock, log);
    await hold.end();
    if (keeps) notes.evidence = evidenceOf(scratch, prepared, order.checkDatabase ?? checkDatabase(notes.databases));
    else await scratch.remove();
  }
}

interface Surroundings {
  scratch: Scratch;
  plan: DrillPlan;
  order: DrillOrder;
  past: readonly RecordedDrill[];
  world: DrillWorld;
  notes: DrillNotes;
}

async function restoreAndCheck(prepared: PreparedServer, around: Surroundings): Promise<void> {
  const { scratch, plan, order, past, world, notes } = around;
  const { extracted } = prepared;
  if (notes.backup !== undefined) notes.backup = { ...notes.backup, contentBytes: extracted.contentBytes };
  noteManifest(prepared, notes);
  let server: StartedServer | undefined;
  try {
    server = await startDrill(prepared, scratch, world);
    const started = server;
    const end = await notes.timed('replay', () => followDrill(started, plan, order, world));
    notes.rtoMs = notes.elapsedMs;
    if (plan.target.kind === 'latest' && end.replayedMs !== undefined) {
      // The primary's clock may be ahead of ours.
      notes.rpoMs = Math.max(0, notes.startedMs - end.replayedMs);
    }
    notes.recovery = {
      timeline: plan.expected.timeline,
      lastSegment: end.story.lastRestored,
      expectedSegment: plan.expected.reach.last,
      segments: end.story.restoredCount,
      replayedLsn: end.replayedLsn,
      replayedMs: end.replayedMs,
    };
    await notes.timed('checks', () => checkServer({ plan, prepared, end, past }, order, world, notes));
    // Writes out every page, for the look at those whose checksums were wrong.
    await started.stop();
  } finally {
    // Where something went wrong or a signal came, nobody waits for a checkpoint.
    if (server?.hasEnded === undefined) await server?.stop(0);
  }
  const pages = await provePages(extracted.pages, scratch.dataDirectory, prepared.segmentBlocks);
  if (pages !== undefined) notes.checks.push(pages);
}

/** The extraction has compared every file, or there would be no server to prepare. */
function noteManifest({ extracted }: PreparedServer, notes: DrillNotes): void {
  const { manifest, fileCount } = extracted;
  if (manifest === undefined) {
    notes.warnings.push('the backup has no manifest (PostgreSQL 12): its files were not compared with anything');
    return;
  }
  const value = `${fileCount} files are what it says`;
  notes.checks.push({ name: 'manifest', ok: true, value, problem: undefined, elapsedMs: 0, evidence: [] });
}

function noteBackup({ chosen: { backup, place }, identity }: DrillPlan, notes: DrillNotes): void {
  const { name, manifestSha256, start, stop, startedMs, endedMs, sizeBytes, serverVersion } = backup;
  notes.backup = {
    host: place.name,
    name,
    manifestSha256,
    start,
    stop,
    startedMs,
    endedMs,
    storedBytes: sizeBytes,
    contentBytes: undefined,
    serverVersion: serverVersion === undefined ? undefined : String(serverVersion),
    systemIdentifier: String(identity.systemIdentifier),
  };
}

function holderOf({ host }: DrillOrder): string {
  return `backup-verify ${host}`.replaceAll(/[^A-Za-z0-9 ._:@/-]/g, '_').slice(0, 80);
}

function problemOf(failure: Failure): DrillProblem {
  const code = isOfTheBackup(failure) ? 'drill_failed' : failure.code;
  return { code, message: failure.message, hint: failure.hint };
}
