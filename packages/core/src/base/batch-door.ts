/**
 * The door to sched_setscheduler(2): work whose throughput counts, not how soon it goes on.
 */
import { readdirSync } from 'node:fs';
import { addressOf, libcCalls } from './libc-door.ts';

/** From linux/sched.h. */
const SCHED_OTHER = 0;
const SCHED_BATCH = 3;

/** Of struct sched_param, whose only field is a priority that must be 0 here. */
const parameterBytes = 4;

const libc = libcCalls({
  sched_getscheduler: { args: ['int'], returns: 'int' },
  sched_setscheduler: { args: ['int', 'int', 'ptr'], returns: 'int' },
});

/**
 * From now on this process, with all its threads, and the programs that it starts let others go on when they wake up, and catch up with
 * what has come meanwhile in one go. Their share of the processors is the same as before. Nothing changes where the system does not allow
 * it, nor for what was started with another policy than the usual one: `chrt --idle` is somebody's wish.
 */
export function scheduleAsBatch(): void {
  const { sched_getscheduler, sched_setscheduler } = libc();
  const parameter = new Uint8Array(parameterBytes);
  // The policy is a thread's. Those that read and write files for us are there already.
  for (const thread of readdirSync('/proc/self/task').map(Number)) {
    if (sched_getscheduler(thread) !== SCHED_OTHER) continue;
    sched_setscheduler(thread, SCHED_BATCH, addressOf(parameter));
  }
}
