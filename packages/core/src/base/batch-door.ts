/**
 * The door to sched_setscheduler(2): work whose throughput counts, not how soon it goes on.
 */
import { dlopen, ptr } from 'bun:ffi';

/** From linux/sched.h. */
const SCHED_BATCH = 3;

/** Of struct sched_param, whose only field is a priority that must be 0 here. */
const parameterBytes = 4;

/**
 * From now on this thread, the threads and the programs that it starts let others go on when they wake up, and catch up with what has
 * come meanwhile in one go. Their share of the processor is the same as before. Where it is not allowed nothing changes.
 */
export function scheduleAsBatch(): void {
  const libc = dlopen('libc.so.6', { sched_setscheduler: { args: ['int', 'int', 'ptr'], returns: 'int' } });
  const parameter = new Uint8Array(parameterBytes);
  libc.symbols.sched_setscheduler(0, SCHED_BATCH, ptr(parameter));
  libc.close();
}
