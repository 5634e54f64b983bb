import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { BackupStand, CLUSTER_DIRECTORY } from './backup-stand.ts';
import type { Machine } from './machine.ts';
import type { Program, ProgramResult } from './program.ts';
import { BIN_DIRECTORY } from './repository.ts';

/** Where the drills of the stand put what they restore, and where their reports are. */
export const SCRATCH = '/var/lib/postgresql/drill';
export const STATE_DIRECTORY = '/var/lib/archive2/postgres';

/** A report, as far as tests look at it. */
export interface DrillJson {
  id: string;
  ok: boolean;
  problem: { code: string; message: string } | null;
  host: string;
  archives: { name: string; problem: string | null }[];
  backup: { host: string; name: string; contentBytes: number | null } | null;
  target: string;
  recovery: { lastSegment: string; expectedSegment: string; newestCommitAt: string; replayedLsn: string } | null;
  rtoMs: number | null;
  rpoMs: number | null;
  checks: { name: string; ok: boolean; value: string | null; problem: string | null; evidence: string[] }[];
  databases: { name: string; tables: number }[];
  warnings: string[];
  evidence: { directory: string; log: string; commands: string[] } | null;
}

/** Patient with a computer that does other things, too. */
export const PATIENT = ['--connect-timeout=10', '--stall-timeout=20'];
const remote = ['--remote-cmd', `${BIN_DIRECTORY}/archive_remote_cmd`, ...PATIENT];

/** Starts a drill over both hosts, on a machine that is neither; `flags` come last. */
export function beginDrill(machine: Machine, flags: readonly string[], hosts = 'arch1 arch2'): Program {
  const where = ['--cluster', 'main', '--cluster-dir', CLUSTER_DIRECTORY, '--hosts', hosts, '--scratch', SCRATCH];
  const program = machine.spawn([`${BIN_DIRECTORY}/backup-verify`, ...where, '--json', ...remote, ...flags]);
  program.input.end();
  return program;
}

export async function drill(
  machine: Machine,
  flags: readonly string[] = [],
  hosts?: string,
): Promise<ProgramResult & { report: DrillJson }> {
  const result = await beginDrill(machine, flags, hosts).endWithin(100_000);
  if (!result.stdout.startsWith('{')) throw new Error(`no report, status ${result.status}: ${result.stderr}`);
  return { ...result, report: JSON.parse(result.stdout) as DrillJson };
}

/** The names of the checks of a report that failed, with why. */
export function failedChecks({ checks }: DrillJson): Record<string, string | null> {
  return Object.fromEntries(checks.filter(({ ok }) => !ok).map(({ name, problem }) => [name, problem]));
}

/** What a drill may have left on its machine: processes, and the cluster's directory in the scratch. */
export function leftOf(machine: Machine): string[] {
  const processes = machine.processes(/postgres -D|restore_cmd|sleep/).map(({ commandLine }) => commandLine);
  const scratch = existsSync(machine.path(`${SCRATCH}/main`)) ? [`${SCRATCH}/main`] : [];
  return [...processes, ...scratch];
}

/** Pins of drills on the archive hosts, by holder. Those of restore_cmd's agents end by themselves, after a quarter of an hour. */
export function pinsOn(stand: BackupStand): string[] {
  return stand.hosts.flatMap(({ machine }) => {
    const directory = machine.path(`${CLUSTER_DIRECTORY}/state/pins`);
    const names = existsSync(directory) ? readdirSync(directory).filter((name) => name.endsWith('.json')) : [];
    const holders = names.map((name) => JSON.parse(readFileSync(`${directory}/${name}`, 'utf8')) as { holder: string });
    return holders.map(({ holder }) => holder).filter((holder) => holder.startsWith('backup-verify'));
  });
}
