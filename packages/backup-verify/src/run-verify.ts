import { join } from 'node:path';
import { makeStateDirectory } from '@archive2/core/agent/make-state-directory.ts';
import { findStateDirectory } from '@archive2/core/agent/state-directory.ts';
import { systemClock } from '@archive2/core/base/clock.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { isFailureCode } from '@archive2/core/base/failure-table.ts';
import type { Log } from '@archive2/core/base/log.ts';
import { writeStdout } from '@archive2/core/cli/exit.ts';
import { ProgressDisplay } from '@archive2/core/cli/progress-display.ts';
import { drillToJson } from '@archive2/core/restore/drill/drill-json.ts';
import type { DrillReport } from '@archive2/core/restore/drill/drill-report.ts';
import { runDrill } from './drill/run-drill.ts';
import type { DrillWorld } from './drill-world.ts';
import type { VerifyCall } from './options.ts';
import { type QueueDrill, verifyFromQueue } from './queue/verify-from-queue.ts';
import { readOrder } from './read-order.ts';
import { DrillRecords } from './record-drill.ts';
import { formatSummary } from './show/summary-text.ts';

interface Around {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** The whole command. Resolves with its exit status; throws the Failure that it ends with. */
export async function runVerify(call: VerifyCall, around: Around): Promise<number> {
  refuseRoot();
  const stateDirectory = ownStateDirectory(call.stateDirectory);
  const display = new ProgressDisplay(process.stderr, systemClock, around.log, 'drill: extracting');
  const world: DrillWorld = {
    ...around,
    clock: systemClock,
    onProgress: (progress) => display.show(progress),
    onPhase: (text) => {
      display.end();
      around.log.debug(text);
    },
  };
  const drill = (options: Record<string, unknown>, world: DrillWorld) =>
    drillOnce(options, call, stateDirectory, world);
  try {
    if (call.queue !== undefined) return await verifyFromQueue(call.queue, call.options, stateDirectory, world, drill);
    const { show } = await drill({ ...call.options }, world);
    return await show();
  } finally {
    display.end();
  }
}

async function drillOnce(
  options: Record<string, unknown>,
  { host, json }: VerifyCall,
  stateDirectory: string,
  world: DrillWorld,
): Promise<QueueDrill> {
  const order = await readOrder(options, { host, stateDirectory });
  const records = new DrillRecords(order, world);
  const past = await records.past();
  records.begin(order.host);
  const report = await runDrill(order, past, world);
  const path = await records.end(report);
  const show = async () => {
    await writeStdout(json ? `${JSON.stringify(drillToJson(report))}\n` : formatSummary(report, path));
    if (report.problem !== undefined) throw failureOf(report.problem);
    return 0;
  };
  return { report, show };
}

function failureOf({ code, message, hint }: NonNullable<DrillReport['problem']>): Failure {
  return new Failure(isFailureCode(code) ? code : 'internal', message, hint === undefined ? {} : { hint });
}

/** PostgreSQL does not run as root, and a drill reads what it must not trust. */
function refuseRoot(): void {
  if (process.getuid?.() !== 0) return;
  throw new Failure('usage', 'a drill is not run as root', {
    hint: "Run it as the archive's account, or one of its own: runuser -u archive -- backup-verify …",
  });
}

function ownStateDirectory(configured: string | undefined): string {
  const { path } = findStateDirectory(configured);
  if (makeStateDirectory(path)) return join(path);
  throw new Failure('state_directory', `${path} is not a directory of this user alone`, {
    hint: 'Make it with mode 0700, owned by this user, or name another one with --state-dir.',
  });
}
