import { readFileSync } from 'node:fs';

/** Which process it is: a number alone is used again. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Of the kernel's run. */
  readonly bootId: string;
  /** When the process began, in clock ticks since the boot (proc(5), field 22 of stat). */
  readonly startTicks: number;
}

/** This process. Reads two small files. */
export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, bootId: readBootId(), startTicks: startTicksOf('self') ?? 0 };
}

/** Whether that very process is there, as a stopped one is too. False for one of another PID namespace, which is not seen. */
export function isRunning({ pid, bootId, startTicks }: ProcessIdentity): boolean {
  return bootId === readBootId() && startTicksOf(String(pid)) === startTicks;
}

function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function startTicksOf(process: string): number | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${process}/stat`, 'utf8');
  } catch {
    // No such process, or none that we may see.
    return undefined;
  }
  // The name, in brackets, may hold anything: what follows the last bracket is numbers, and the state comes first (field 3).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A dead one that its parent has not looked at yet.
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return Number(fields[19]);
}
