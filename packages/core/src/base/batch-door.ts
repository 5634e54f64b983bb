/**
 * The door to sched_setscheduler(2): work whose throughput counts, not how soon it goes on.
 */
import { dlopen, ptr } from 'bun:ffi';
import { readdirSync } from 'node:fs';

/** From linux/sched.h. */
const SCHED_OTHER = 0;
const SCHED_BATCH = 3;

/** Of struct sched_param, whose only field is a priority that must be 0 here. */
const parameterBytes = 4;

/**
 * From now on this process, with all its threads, and the programs that it starts let others go on when they wake up, and catch up with
 * what has come meanwhile in one go. Their share of the processors is the same as before. Nothing changes where the system does not allow
 * it, nor for what was started with another policy than the usual one: `chrt --idle` is somebody's wish.
 */
export function scheduleAsBatch(): void {
  const libc = dlopen('libc.so.6', {
    sched_getscheduler: { args: ['int'], returns: 'int' },
    sched_setscheduler: { args: ['int', 'int', 'ptr'], returns: 'int' },
  });
  const parameter = ptr(new Uint8Array(parameterBytes));
  // The policy is a thread's. Those that read and write files for us are there already.
  for (const thread of readdirSync('/proc/self/task').map(Number)) {
    if (libc.symbols.sched_getscheduler(thread) !== SCHED_OTHER) continue;
    libc.symbols.sched_setscheduler(thread, SCHED_BATCH, parameter);
  }
  libc.close();
}
