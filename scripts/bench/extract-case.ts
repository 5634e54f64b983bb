import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'bun';
import type { Machine } from '../../test/support/machine.ts';
import { PostgresCluster } from '../../test/support/postgres-cluster.ts';
import { findPostgresPrograms } from '../../test/support/postgres-programs.ts';
import { REPOSITORY_ROOT } from '../../test/support/repository.ts';
import { Stand } from '../../test/support/stand.ts';
import { inTurn } from './in-turn.ts';
import { bringIntoMemory } from './page-cache.ts';
import { barRow, type CaseResult, median, type Row } from './summary.ts';

/** About 1 GB. */
const pgbenchScale = 70;
/** Each is first, second, third and last once. */
const rounds = 4;
const longestMs = 300_000;

const pipeLabel = 'zstd -dc | tar x';
const syncedLabel = `${pipeLabel}, and sync`;
const ourLabel = 'extractBackup';

const programPath = '/archive/extract-program';

interface Measured {
  wallMs: number;
  cpuMs: number;
  /** Of our program only. */
  peakBytes: number;
}

/** A base backup put into a data directory, verified and durable, beside `zstd -dc | tar x`, which is neither. */
export async function measureExtraction(): Promise<CaseResult> {
  await using stand = await Stand.create({ name: 'extract' });
  const machine = await stand.machine('primary');
  const cluster = await PostgresCluster.init(machine, {
    walSegmentSizeMb: 16,
    settings: { shared_buffers: '256MB', max_wal_size: '4GB' },
  });
  await cluster.start();
  buildProgram(machine.path(programPath));
  const rows = await compare(machine, cluster, 'fresh', 'a fresh cluster, 1,000 small files', syncedLabel);
  const load = ['-i', '-q', '-s', `${pgbenchScale}`, '-h', '/run/postgresql', 'postgres'];
  await machine.check([`${findPostgresPrograms()}/pgbench`, ...load], { timeoutMs: longestMs });
  rows.push(...(await compare(machine, cluster, 'one', 'pgbench of 1 GB, one tar')));
  machine.makeDirectory('/archive/second', 0o700);
  await cluster.sql("CREATE TABLESPACE second LOCATION '/archive/second'");
  await cluster.sql('CREATE TABLE copied TABLESPACE second AS SELECT * FROM pgbench_accounts');
  rows.push(...(await compare(machine, cluster, 'two', 'and as much in a tablespace, two tars')));
  return { rows };
}

/** Compiled as our commands are: from its sources it takes a quarter of a second to start. */
function buildProgram(path: string): void {
  const how = ['build', '--compile', '--bytecode', '--minify', '--format=esm', `--outfile=${path}`];
  const { exitCode, stderr } = spawnSync([process.execPath, ...how, 'test/support/extract-program.ts'], {
    cwd: REPOSITORY_ROOT,
    stdout: 'ignore',
    stderr: 'pipe',
  });
  if (exitCode !== 0) throw new Error(`the program was not built: ${stderr.toString()}`);
}

/** `against`: whose speed ours is compared with. A thousand fsyncs of small files are compared with a sync. */
async function compare(
  machine: Machine,
  cluster: PostgresCluster,
  name: string,
  what: string,
  against = pipeLabel,
): Promise<Row[]> {
  const backup = `/archive/${name}`;
  const how = ['-Ft', '-Xstream', '-cfast', '--compress=server-zstd:level=1', '--manifest-checksums=CRC32C'];
  const from = ['-h', '/run/postgresql', '-p', `${cluster.port}`, '-U', 'postgres'];
  const take = [`${findPostgresPrograms()}/pg_basebackup`, '-D', backup, ...how, ...from];
  await machine.check(take, { timeoutMs: longestMs });
  // As base-backup keeps it beside the tars.
  mkdirSync(join(machine.path(backup), 'global'));
  copyFileSync(
    machine.path(`${cluster.dataDirectory}/global/pg_control`),
    join(machine.path(backup), 'global/pg_control'),
  );
  const scratch = machine.path('/archive/scratch');
  const runs = Object.entries(contestants(machine.path(programPath), machine.path(backup), scratch));
  const measured = await inTurn(runs, rounds, async ([label, run], round) => {
    bringIntoMemory(machine.path(backup));
    const result = run();
    console.error(`extract, ${name}, round ${round}, ${label}: ${JSON.stringify(result)}`);
    rmSync(scratch, { recursive: true });
    // What the one has left to do for the disk is not the other's.
    spawnSync(['sync']);
    return result;
  });
  return rowsOf(what, new Map([...measured].map(([[label], results]) => [label, results])), against);
}

function contestants(program: string, backup: string, scratch: string): Record<string, () => Measured> {
  const oids = readdirSync(backup).flatMap((file) => /^([0-9]+)\.tar\.zst$/.exec(file)?.[1] ?? []);
  const pipes = [
    `zstd -dcq ${backup}/base.tar.zst | tar x -C ${scratch}/data`,
    ...oids.map((oid) => `zstd -dcq ${backup}/${oid}.tar.zst | tar x -C ${scratch}/${oid}`),
    `tar xf ${backup}/pg_wal.tar -C ${scratch}/data/pg_wal`,
  ].join(' && ');
  const byTar = (script: string) => () => {
    for (const directory of ['data', ...oids]) mkdirSync(join(scratch, directory), { recursive: true });
    return timed(['bash', '-c', `set -o pipefail; ${script}`]);
  };
  const places = oids.map((oid) => `${oid}=${join(scratch, oid)}`);
  const ours = (environment: Record<string, string>) => () =>
    timed([program, backup, join(scratch, 'data'), ...places], environment);
  return {
    [pipeLabel]: byTar(pipes),
    [syncedLabel]: byTar(`${pipes} && sync -f ${scratch}`),
    [ourLabel]: ours({}),
    [`${ourLabel}, page checksums compared`]: ours({ PAGES: 'yes' }),
  };
}

function timed(argv: string[], environment: Record<string, string> = {}): Measured {
  const startMs = performance.now();
  const run = spawnSync(argv, { stdout: 'pipe', stderr: 'pipe', env: { ...process.env, ...environment } });
  const wallMs = performance.now() - startMs;
  if (run.exitCode !== 0) throw new Error(`${argv.join(' ')} ended with ${run.exitCode}: ${run.stderr.toString()}`);
  // What the system counts for a child begins with what its parent has.
  const peakBytes = Number(/"peakBytes":(\d+)/.exec(run.stdout.toString())?.[1] ?? 0);
  return { wallMs, cpuMs: Number(run.resourceUsage.cpuTime.total) / 1000, peakBytes };
}

function rowsOf(what: string, measured: Map<string, Measured[]>, against: string): Row[] {
  const wall = (label: string) => median((measured.get(label) ?? []).map((it) => it.wallMs));
  const rows: Row[] = [[what, '']];
  for (const [label, values] of measured) {
    const cpuMs = median(values.map((it) => it.cpuMs));
    rows.push([`  ${label}`, `${seconds(wall(label))}, ${seconds(cpuMs)} of CPU`]);
  }
  const peak = Math.max(...(measured.get(ourLabel) ?? []).map((it) => it.peakBytes));
  if (peak === 0) throw new Error('the program did not say how much memory it had');
  rows.push(barRow(`  speed, times that of ${against}`, { ratio: wall(against) / wall(ourLabel), atLeast: 0.9 }));
  rows.push(barRow('  memory at its peak, in MB', { ratio: peak / 1e6, atMost: 200 }));
  return rows;
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
