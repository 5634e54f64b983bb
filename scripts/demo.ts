/**
 * Shows Archive 2 at work on machines of its own on this computer: two archive hosts, a primary under load, a standby
 * that lives on the archive, failures, a table that is dropped and brought back, and a drill. Run by "make demo", as root; with --sabotage a stored file is removed before
 * the checks, which must then fail.
 *
 * Exit status: 0 when every check at the end holds, 1 when one fails or anything else goes wrong, 2 when it cannot
 * begin, 128 and the signal's number when it is ended. Nothing is left behind in any case.
 */
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ArchiveStand } from '../test/support/archive-stand.ts';
import { REPOSITORY_ROOT } from '../test/support/repository.ts';
import { bringBack } from './demo/bring-back.ts';
import { runChecks } from './demo/checks.ts';
import { quoteLogs } from './demo/logs.ts';
import { Narrator, wantsColour } from './demo/narrator.ts';
import { removeNewestFile } from './demo/sabotage.ts';
import { SEGMENT_MB } from './demo/scene.ts';
import { show } from './demo/show.ts';

const DEADLINE_MS = 300_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

class Interrupted extends Error {
  readonly status: number;

  constructor(signal: (typeof SIGNALS)[number]) {
    super(`ended by ${signal}`);
    this.status = 128 + constants.signals[signal];
  }
}

/** Why there can be no show; undefined when there can. */
function obstacle(words: readonly string[]): string | undefined {
  if (words.some((word) => word !== '--sabotage')) return 'demo: the only option is --sabotage, as in "make demo"';
  if (process.getuid?.() !== 0) return 'demo: run it as root, it makes network and mount namespaces';
  const commands = [
    'archive_cmd',
    'archive_remote_cmd',
    'restore_cmd',
    'base-backup',
    'backup-restore',
    'backup-verify',
  ];
  const missing = commands.find((command) => !existsSync(join(REPOSITORY_ROOT, 'bin', command)));
  return missing === undefined ? undefined : `demo: bin/${missing} is not there, run "make demo" or "make build"`;
}

/** Rejects at the first signal that asks for the end; further ones change nothing, the end is under way. */
function interruption(): Promise<never> {
  return new Promise((_resolve, reject) => {
    for (const signal of SIGNALS) process.on(signal, () => reject(new Interrupted(signal)));
  });
}

async function overdue(say: Narrator): Promise<never> {
  await pause(DEADLINE_MS, undefined, { ref: false });
  throw new Error(`not done after ${DEADLINE_MS / 1000} s, in the step "${say.lastStep}"`);
}

async function perform(archive: ArchiveStand, say: Narrator, isSabotaged: boolean): Promise<boolean> {
  const outcome = await show(archive, say);
  if (isSabotaged) say.note(`Sabotage: ${removeNewestFile(archive)}`);
  say.step('Checks');
  if (!(await runChecks(outcome, say))) return false;
  return await bringBack(outcome.scene, say);
}

/** Returns the exit status. */
async function run(words: readonly string[]): Promise<number> {
  const problem = obstacle(words);
  if (problem !== undefined) {
    process.stderr.write(`${problem}\n`);
    return 2;
  }
  const say = new Narrator({ isColoured: wantsColour() });
  const end = Promise.race([interruption(), overdue(say)]);
  say.title('Archive 2: WAL on two archive hosts at once, whatever happens to one of them');
  say.step('Four machines boot: primary, standby, arch1, arch2');
  const building = ArchiveStand.create();
  try {
    const archive = await Promise.race([building, end]);
    say.note(
      `Each has its own network, processes and disk; segments are of ${SEGMENT_MB} MB, so that much happens soon.`,
    );
    try {
      const isGood = await Promise.race([perform(archive, say, words.includes('--sabotage')), end]);
      if (!isGood) quoteLogs(archive, say);
      say.verdict(isGood, isGood ? `Nothing was lost. ${say.elapsedSeconds.toFixed(0)} s.` : 'The demo FAILED.');
      return isGood ? 0 : 1;
    } catch (error) {
      if (!(error instanceof Interrupted)) quoteLogs(archive, say);
      throw error;
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    say.verdict(false, error instanceof Interrupted ? `The demo was ${reason}.` : `The demo FAILED: ${reason}`);
    return error instanceof Interrupted ? error.status : 1;
  } finally {
    say.silence();
    // Where the building fails it has taken down what there was.
    await building.then(
      (archive) => archive.close(),
      () => undefined,
    );
  }
}

process.exitCode = 1;
run(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (error: unknown) => {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
