import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '@archive2/core/base/failure.ts';

/** What shows that a server works in a data directory. */
export interface ServerSigns {
  /** In postmaster.pid; undefined without one. */
  readonly pidFile: number | undefined;
  /** Whether that process is there. `unknown`: it is, and we may not see where it works. */
  readonly pidFileProcess: 'gone' | 'works here' | 'works elsewhere' | 'unknown';
  /** Processes whose working directory it is: also those of a server whose postmaster was killed. */
  readonly processes: readonly number[];
  /** The shared memory that postmaster.pid names has processes attached. */
  readonly hasSharedMemory: boolean;
}

/** Looks for a server that works in `directory`, by what the kernel says and not by its files alone. */
export async function lookForServer(directory: string): Promise<ServerSigns> {
  const lines = ((await readIfThere(join(directory, 'postmaster.pid'))) ?? '').split('\n');
  const pid = Number(lines[0]);
  // Seventh line: the key and the id of the System V segment. Source: PostgreSQL 18 src/include/utils/pidfile.h.
  const sharedMemoryId = Number(lines[6]?.trim().split(/\s+/)[1]);
  const pidFile = Number.isInteger(pid) && Math.abs(pid) > 1 ? Math.abs(pid) : undefined;
  return {
    pidFile,
    pidFileProcess: pidFile === undefined ? 'gone' : await whereItWorks(pidFile, directory),
    processes: await processesIn(directory),
    hasSharedMemory: Number.isInteger(sharedMemoryId) && (await isAttached(sharedMemoryId)),
  };
}

/** Why a server runs there; undefined when none does. Pure. */
export function describeServer(signs: ServerSigns): string | undefined {
  const { pidFile, pidFileProcess, processes, hasSharedMemory } = signs;
  if (pidFileProcess === 'works here') return `a server runs there (pid ${pidFile})`;
  if (processes.length > 0) return `processes work there (${processes.slice(0, 5).join(', ')})`;
  if (hasSharedMemory) return 'processes of a server there are still alive: its shared memory is in use';
  if (pidFileProcess === 'unknown') return `process ${pidFile} of its postmaster.pid is there, and may be its server`;
  return undefined;
}

async function whereItWorks(pid: number, directory: string): Promise<ServerSigns['pidFileProcess']> {
  const place = await workingDirectoryOf(pid);
  if (place === 'gone' || place === 'unknown') return place;
  const own = await identityOf(directory);
  return own === place ? 'works here' : 'works elsewhere';
}

async function processesIn(directory: string): Promise<number[]> {
  const own = await identityOf(directory);
  if (own === undefined) return [];
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    // A person's shell may stand there, and so may we.
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    if ((await workingDirectoryOf(pid)) === own && (await isServerProcess(pid))) found.push(pid);
  }
  return found;
}

/** Device and inode of a process's working directory. */
async function workingDirectoryOf(pid: number): Promise<string> {
  try {
    const { dev, ino } = await stat(`/proc/${pid}/cwd`);
    return `${dev}:${ino}`;
  } catch (error) {
    const code = systemErrorCode(error);
    return code === 'EACCES' || code === 'EPERM' ? 'unknown' : 'gone';
  }
}

async function isServerProcess(pid: number): Promise<boolean> {
  const name = (await readIfThere(`/proc/${pid}/comm`))?.trim();
  return name === 'postgres' || name === 'postmaster';
}

async function identityOf(directory: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(directory);
    return `${dev}:${ino}`;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Columns: key, shmid, perms, size, cpid, lpid, nattch. */
async function isAttached(id: number): Promise<boolean> {
  const table = (await readIfThere('/proc/sysvipc/shm')) ?? '';
  const row = table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .find((columns) => Number(columns[1]) === id);
  return Number(row?.[6]) > 0;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ESRCH' || code === 'EACCES') return undefined;
    throw error;
  }
}
