import { Failure, toFailure } from '@archive2/core/base/failure.ts';
import type { RecordedDrill } from '@archive2/core/restore/drill/drill-store.ts';
import type { CheckResult } from '@archive2/core/restore/server/checks/check.ts';
import { foreignCollations } from '@archive2/core/restore/server/checks/foreign-collations.ts';
import { checkDatabase, inspectDatabases } from '@archive2/core/restore/server/checks/inspect-databases.ts';
import { runChecks } from '@archive2/core/restore/server/checks/run-checks.ts';
import { runAmcheck, runDumps } from '@archive2/core/restore/server/checks/run-tool.ts';
import type { ReplayEnd } from '@archive2/core/restore/server/watch-replay.ts';
import type { DrillOrder } from '../drill-order.ts';
import type { DrillWorld } from '../drill-world.ts';
import type { DrillNotes } from './drill-notes.ts';
import type { DrillPlan } from './plan-drill.ts';
import { proveDatabases, proveEnd, proveFreshness, proveIdentity, proveNotEmpty, proveSizes } from './prove.ts';
import type { PreparedServer } from './restore.ts';

/** All that is asked of the server while it runs; the results are in the notes. Throws only what makes asking impossible. */
export async function checkServer(
  {
    plan,
    prepared,
    end,
    past,
  }: { plan: DrillPlan; prepared: PreparedServer; end: ReplayEnd; past: readonly RecordedDrill[] },
  order: DrillOrder,
  world: DrillWorld,
  notes: DrillNotes,
): Promise<void> {
  const { door, programs, control } = prepared;
  const { checks } = notes;
  checks.push(proveEnd(end.story, plan.target, plan.expected));
  const found = await inspectDatabases(door).catch((error: unknown) => refuse(error, order));
  notes.databases = found.databases.map(({ name, sizeBytes, tables }) => ({ name, sizeBytes, tables }));
  const identifiers = { extracted: control.systemIdentifier, running: found.systemIdentifier };
  checks.push(proveIdentity(identifiers, String(plan.identity.systemIdentifier), order.systemIdentifier));
  if (plan.target.kind === 'latest') checks.push(proveFreshness(notes.rpoMs, order.maxRpoMs));
  checks.push(proveDatabases(found), proveNotEmpty(found, order.allowEmpty), proveSizes(found, past, order.minShare));
  const tool = { programs, door, environment: world.environment, clock: world.clock, signal: world.signal };
  const foreign = await foreignCollations(door);
  if (foreign.length > 0) {
    const which = foreign.join(', ');
    notes.warnings.push(
      `text was sorted by another version of the system's libraries in ${which}: indexes may look damaged here`,
    );
  }
  if (order.amcheck) checks.push(await said(world, 'pg_amcheck', () => runAmcheck(order.heapAllIndexed, tool)));
  if (order.dump) {
    const readable = found.databases.filter(({ problem, name }) => problem === undefined && name !== 'template0');
    const names = readable.map(({ name }) => name);
    checks.push(...(await said(world, 'dumping to nowhere', () => runDumps(names, tool))));
  }
  const database = order.checkDatabase ?? checkDatabase(found.databases);
  const facts = {
    drill_began: new Date(notes.startedMs).toISOString(),
    newest_commit: end.replayedMs === undefined ? '' : new Date(end.replayedMs).toISOString(),
  };
  const run = { door, database, facts, clock: world.clock, signal: world.signal };
  checks.push(...(await said(world, 'checks', () => runChecks(order.checks, run))));
}

async function said<T extends CheckResult | CheckResult[]>(
  { onPhase }: DrillWorld,
  what: string,
  work: () => Promise<T>,
): Promise<T> {
  onPhase(what);
  return await work();
}

function refuse(error: unknown, { databaseUser }: DrillOrder): never {
  throw new Failure('drill_failed', `the restored server cannot be asked: ${toFailure(error).message}`, {
    cause: error,
    hint: `It was asked in the database postgres as ${databaseUser}; --dbuser names another superuser of the cluster.`,
  });
}
