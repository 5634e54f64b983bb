/**
 * The door to sched_setscheduler(2): work whose throughput counts, not how soon it goes on.
 */
import { dlopen, ptr } from 'bun:ffi';

/** From linux/sched.h. */
const SCHED_OTHER = 0;
const SCHED_BATCH = 3;

/** Of struct sched_param, whose only field is a priority that must be 0 here. */
const parameterBytes = 4;

/**
 * From now on this thread, and the threads and programs that it starts, let others go on when they wake up, and catch up with what has
 * come meanwhile in one go. Their share of the processors is the same as before. Nothing changes where the system does not allow it, nor
 * for a program that was started with another policy than the usual one: `chrt --idle` is somebody's wish.
 */
export function scheduleAsBatch(): void {
  const libc = dlopen('libc.so.6', {
    sched_getscheduler: { args: ['int'], returns: 'int' },
    sched_setscheduler: { args: ['int', 'int', 'ptr'], returns: 'int' },
  });
  const thisThread = 0;
  if (libc.symbols.sched_getscheduler(thisThread) === SCHED_OTHER) {
    libc.symbols.sched_setscheduler(thisThread, SCHED_BATCH, ptr(new Uint8Array(parameterBytes)));
  }
  libc.close();
}
