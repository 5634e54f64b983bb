import { hostname } from 'node:os';
import { serverEventsFile } from '@archive2/core/agent/agent-journal.ts';
import { findStateDirectory } from '@archive2/core/agent/state-directory.ts';
import { toFailure } from '@archive2/core/base/failure.ts';
import { EventLog, type EventSink, noEvents } from '@archive2/core/files/event-log.ts';
import type { RestoreWorld } from './restore-world.ts';
import type { WholePlan } from './whole-plan.ts';

/** Carries a restore out, and tells in this machine's log of events that it began, and what became of it. */
export async function tellOfRestore<T>(
  { target, plan }: WholePlan,
  world: RestoreWorld,
  carryOut: () => Promise<T>,
): Promise<T> {
  const log = logOf(world, plan.cluster);
  const events: EventSink = log ?? noEvents;
  const facts = { host: hostname(), target, backup: plan.copies[0].backup.name };
  const begunMs = world.clock.monotonicMs();
  const forSeconds = () => Math.round((world.clock.monotonicMs() - begunMs) / 1000);
  events.note({ event: 'restore-began', ...facts });
  try {
    const outcome = await carryOut();
    events.note({ event: 'restore-completed', ...facts, forSeconds: forSeconds() });
    return outcome;
  } catch (error) {
    const { code, message } = toFailure(error);
    events.note({ event: 'restore-failed', ...facts, code, reason: message, forSeconds: forSeconds() });
    throw error;
  } finally {
    await log?.settled();
  }
}

/** A machine that was set up for nothing else yet has no state directory, and a restore makes none. */
function logOf({ environment, clock, log }: RestoreWorld, cluster: string): EventLog | undefined {
  const { path, isTrusted } = findStateDirectory(environment['ARCHIVE2_STATE_DIR']);
  return isTrusted ? new EventLog({ path: serverEventsFile(path), cluster, clock, log }) : undefined;
}
