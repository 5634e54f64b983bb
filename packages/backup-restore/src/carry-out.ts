import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { WalHold } from '@archive2/core/backups/hold-wal.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import type { ArchiveSettings } from '@archive2/core/cli/archive-options.ts';
import { ProgressDisplay } from '@archive2/core/cli/progress-display.ts';
import type { ExtractedBackup } from '@archive2/core/restore/extract/extraction.ts';
import type { RestoreOrder } from './options.ts';
import type { RestoreWorld } from './restore-world.ts';
import type { Outcome } from './show/summary-text.ts';
import type { RestoreNote } from './target/restore-note.ts';
import { describeServer } from './target/server-signs.ts';
import { setAsideBefore, type TargetFacts } from './target/target-facts.ts';
import type { WholePlan } from './whole-plan.ts';
import { ChangingLine } from './work/changing-line.ts';
import { checkUnchanged, prepareDirectory } from './work/prepare-directory.ts';
import { runServer, type ServerRun } from './work/run-server.ts';
import { findConfiguration, findDoor, type ServerConfiguration } from './work/server-door.ts';
import { walSourceOf } from './work/wal-source.ts';
import { writeSettings } from './work/write-settings.ts';

/**
 * Does what the plan says. Each step leaves a state that the same call takes up again. Throws the Failure of the step that failed; when
 * a signal ended it, `interrupted` with how things are now.
 */
export async function carryOut(
  whole: WholePlan,
  order: RestoreOrder,
  archive: ArchiveSettings,
  planMs: number,
  world: RestoreWorld,
): Promise<Outcome> {
  const { plan, target } = whole;
  const { clock, log } = world;
  const holder = `backup-restore to ${target} on ${hostname()}`;
  const places = plan.hosts.map(({ place }) => place);
  const hold = await WalHold.begin(places, { holder, from: plan.copies[0].backup.start }, clock, log);
  const state: State = { files: 'nothing', server: 'not started' };
  try {
    const configuration = await findConfiguration(target, whole.major);
    const begunMs = clock.monotonicMs();
    const { extracted, note } = await restoreFiles(whole, order, archive, configuration, state, world);
    const extractMs = clock.monotonicMs() - begunMs;
    const run = order.start ? await serve(whole, note, configuration, state, world) : undefined;
    const replayMs = run === undefined ? undefined : clock.monotonicMs() - begunMs - extractMs;
    const setAside = await setAsideBefore(target);
    return { whole, extracted, run, configuration, setAside, phases: { planMs, extractMs, replayMs } };
  } catch (error) {
    if (world.signal.aborted) throw interruptedAt(world.signal.reason, state, whole);
    throw error;
  } finally {
    await hold.end();
  }
}

/** How things are, for the message of somebody who has broken it off. */
interface State {
  files: 'nothing' | 'under way' | 'complete';
  server: 'not started' | 'started';
}

async function restoreFiles(
  whole: WholePlan,
  order: RestoreOrder,
  archive: ArchiveSettings,
  configuration: ServerConfiguration,
  state: State,
  world: RestoreWorld,
): Promise<{ extracted: ExtractedBackup | undefined; note: RestoreNote }> {
  const facts = await checkUnchanged(whole);
  world.signal.throwIfAborted();
  const source = walSourceOf(whole.plan, archive);
  if (whole.use === 'resume') {
    const note = await resume(whole, facts, () =>
      writeSettings(whole, source, order.primaryConninfo, configuration, facts.note?.setAside, world),
    );
    state.files = 'complete';
    return { extracted: undefined, note };
  }
  const display = new ProgressDisplay(process.stderr, world.clock, world.log, 'restore');
  state.files = 'under way';
  let extracted: ExtractedBackup;
  try {
    extracted = await prepareDirectory(whole, world, display);
  } finally {
    display.end();
  }
  const aside = whole.use === 'move' ? whole.asideName : undefined;
  const note = await writeSettings(whole, source, order.primaryConninfo, configuration, aside, world);
  state.files = 'complete';
  return { extracted, note };
}

/** Its files are there. Settings are written again, as other hosts may answer now, unless its server runs with them. */
async function resume(
  { target, plan }: WholePlan,
  { note, server }: TargetFacts,
  settings: () => Promise<RestoreNote>,
): Promise<RestoreNote> {
  if (note === undefined) throw new Error('the note of the restore has gone');
  if (describeServer(server) !== undefined) return note;
  const signal = plan.wish.isStandby ? 'standby.signal' : 'recovery.signal';
  if (existsSync(join(target, signal))) return await settings();
  throw new Failure('restore_refused', `the recovery in ${target} has ended already: it has no ${signal}`, {
    hint: 'Start the server as any other one. To restore anew, name another place, or remove archive2-restore.json and say --keep-old.',
  });
}

async function serve(
  whole: WholePlan,
  note: RestoreNote,
  configuration: ServerConfiguration,
  state: State,
  world: RestoreWorld,
): Promise<ServerRun> {
  const door = await findDoor(whole.programs, whole.target, configuration, whole.account.name);
  world.signal.throwIfAborted();
  state.server = 'started';
  const line = new ChangingLine(process.stderr, world.clock, world.log);
  return await runServer(whole, note, configuration, door, world, line);
}

function interruptedAt(reason: unknown, { files, server }: State, { use, target, asideName }: WholePlan): Failure {
  const by = reason instanceof Error ? reason.message : 'interrupted';
  const old = use === 'move' ? ` The old directory is ${asideName}, or still in its place.` : '';
  const now =
    server === 'started'
      ? `The server in ${target} runs, and goes on to its target.`
      : files === 'complete'
        ? `All files are in ${target}; no server was started.`
        : files === 'under way'
          ? `${target} is half filled; no server can be started there.`
          : 'Nothing was touched.';
  return new Failure('interrupted', by, { hint: `${now}${old} The same call goes on from here.`, cause: reason });
}
