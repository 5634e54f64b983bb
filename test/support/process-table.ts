import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface ProcessEntry {
  /** As seen from outside the machine, where signals are sent from. */
  pid: number;
  /** As the process sees itself. */
  pidInside: number;
  parentPid: number;
  state: string;
  /** Clock ticks since the boot of this computer; tells a reused pid from the old one. */
  startTime: number;
  argv: string[];
  /** argv joined with blanks; the kernel's short name in brackets for a process without one. */
  commandLine: string;
  /** The working directory, as seen from outside. */
  cwd: string;
}

/** Parses /proc/PID/stat (proc(5)). */
export function parseStat(text: string): { name: string; state: string; parentPid: number; startTime: number } {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const fields = text.slice(close + 2).split(' ');
  return {
    name: text.slice(open + 1, close),
    state: fields[0] ?? '?',
    parentPid: Number(fields[1]),
    startTime: Number(fields[19]),
  };
}

/** The processes, zombies left out, whose process namespace is that of `initPid`; the init itself is left out. */
export function processesInNamespaceOf(initPid: number): ProcessEntry[] {
  const namespace = readlinkSync(`/proc/${initPid}/ns/pid`);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== initPid)
    .map((name) => readEntry(Number(name), namespace))
    .filter((entry) => entry !== undefined);
}

/** The first child of a process; undefined while there is none. */
export function childOf(pid: number): number | undefined {
  const first = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')[0];
  return first ? Number(first) : undefined;
}

function readEntry(pid: number, namespace: string): ProcessEntry | undefined {
  try {
    if (readlinkSync(`/proc/${pid}/ns/pid`) !== namespace) {
      return undefined;
    }
    const { name, state, parentPid, startTime } = parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    if (state === 'Z' || state === 'X') {
      return undefined;
    }
    const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0+$/, '').split('\0');
    const pidInside = Number(/^NSpid:.*\s(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
    const cwd = readlinkSync(`/proc/${pid}/cwd`);
    return { pid, pidInside, parentPid, state, startTime, argv, commandLine: argv.join(' ') || `[${name}]`, cwd };
  } catch {
    // It ended while we read, so it is not there.
    return undefined;
  }
}

/** The given processes and everything below them. */
export function descendantsOf(roots: readonly number[], table: readonly ProcessEntry[]): number[] {
  const found = new Set(roots);
  let size = -1;
  while (size !== found.size) {
    size = found.size;
    for (const { pid, parentPid } of table) {
      if (found.has(parentPid)) {
        found.add(pid);
      }
    }
  }
  return [...found];
}
