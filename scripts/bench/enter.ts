import { spawnSync } from 'bun';
import type { Machine } from '../../test/support/machine.ts';
import { median } from './summary.ts';

/** The words that put a command into a machine, as the unprivileged user, in a directory of it. */
export async function entry(machine: Machine, directory: string): Promise<string[]> {
  // Somebody who stays there for as long as the machine runs.
  const anchor = await machine.spawn(['sleep', '86400']).pid();
  const user = ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups', 'env', '-C', directory];
  return ['nsenter', '-t', String(anchor), '-m', '-n', '-p', ...user];
}

/** What those words cost, without the command: milliseconds of CPU, median. */
export function enteringMs(enter: readonly string[]): number {
  const pairs = Array.from({ length: 50 }, () => cpuMs([...enter, '/bin/true']) - cpuMs(['/bin/true']));
  return median(pairs);
}

/** CPU of a command, user and system, in milliseconds. @throws Error when it fails. */
export function cpuMs(argv: readonly string[]): number {
  const run = spawnSync([...argv], { stdout: 'ignore', stderr: 'pipe' });
  if (run.exitCode !== 0) throw new Error(`${argv.join(' ')} ended with ${run.exitCode}: ${run.stderr.toString()}`);
  return Number(run.resourceUsage.cpuTime.total) / 1000;
}
