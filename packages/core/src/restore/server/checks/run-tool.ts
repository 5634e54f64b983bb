import { join } from 'node:path';
import { childEnvironment } from '../../../base/child-environment.ts';
import type { Clock } from '../../../base/clock.ts';
import { SupervisedProcess } from '../../../base/supervised-process.ts';
import type { ServerDoor } from '../ask-replay.ts';
import type { CheckResult } from './check.ts';

export interface ToolRun {
  readonly programs: string;
  readonly door: ServerDoor;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const keptLines = 20;
const maxLineLength = 400;
const graceMs = 10_000;

/** Runs one of PostgreSQL's programs against the server: it passes when it ends with 0. Throws the reason of `signal` only. */
async function runTool(
  name: string,
  program: string,
  args: readonly string[],
  { programs, door, environment, clock, signal }: ToolRun,
): Promise<CheckResult> {
  signal.throwIfAborted();
  const begunMs = clock.monotonicMs();
  const lines: string[] = [];
  const process = new SupervisedProcess({
    path: join(programs, program),
    args: ['-h', door.socketDirectory, '-p', String(door.port), '-U', door.user, '--no-password', ...args],
    environment: { ...childEnvironment(environment), LC_ALL: 'C' },
    onLine: (line) => {
      if (lines.length < keptLines) lines.push(line.slice(0, maxLineLength));
    },
  });
  const abort = () => void process.stop(graceMs).catch(() => undefined);
  signal.addEventListener('abort', abort, { once: true });
  const { status, description } = await process.ended.finally(() => signal.removeEventListener('abort', abort));
  signal.throwIfAborted();
  const ok = status === 0;
  const problem = ok ? undefined : `${program} ended with ${description}: ${lines[0] ?? 'it said nothing'}`;
  return {
    name,
    ok,
    value: ok ? 'nothing found' : undefined,
    problem,
    elapsedMs: clock.monotonicMs() - begunMs,
    evidence: ok ? [] : lines,
  };
}

/** Looks into all tables and B-tree indexes of all databases; the extension is installed where it is not, so the server must be open. */
export async function runAmcheck(heapAllIndexed: boolean, run: ToolRun): Promise<CheckResult> {
  const args = ['--all', '--install-missing', '--no-strict-names', ...(heapAllIndexed ? ['--heapallindexed'] : [])];
  return await runTool('amcheck', 'pg_amcheck', args, run);
}

/** Dumps every database to nowhere: all rows of all tables are read and written as text. */
export async function runDumps(databases: readonly string[], run: ToolRun): Promise<CheckResult[]> {
  const results = [
    await runTool('dump of globals', 'pg_dumpall', ['--globals-only', '--no-sync', '--file=/dev/null'], run),
  ];
  for (const database of databases) {
    results.push(
      await runTool(`dump of ${database}`, 'pg_dump', ['--no-sync', '--file=/dev/null', `--dbname=${database}`], run),
    );
  }
  return results;
}
