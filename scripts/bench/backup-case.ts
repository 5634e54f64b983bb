import { readFileSync } from 'node:fs';
import { spawn } from 'bun';
import type { ArchiveHost } from '../../test/support/archive-host.ts';
import { ArchiveStand } from '../../test/support/archive-stand.ts';
import { PostgresCluster } from '../../test/support/postgres-cluster.ts';
import { findPostgresPrograms } from '../../test/support/postgres-programs.ts';
import { BIN_DIRECTORY } from '../../test/support/repository.ts';
import { CpuMeter } from './cpu-meter.ts';
import { entry } from './enter.ts';
import { inTurn } from './in-turn.ts';
import { PgBackRest } from './pgbackrest.ts';
import { barRow, type CaseResult, median, type Row } from './summary.ts';

/** About 1.5 GB. */
const pgbenchScale = 100;
/** Each of the five is behind each other one twice. */
const rounds = 10;
const longestMs = 300_000;
const backups = '/archive/main';
/** Of a process in /proc; source: getconf CLK_TCK, 100 on every Linux. */
const tickMs = 10;

interface Run {
  /** Ours: to the line that says that the backup is complete; what comes after is cleanup. */
  wallMs: number;
  /** CPU on the archive host, of all that the command started, and on the database server meanwhile. */
  cpuMs: number;
  serverCpuMs: number;
}

interface OurRun extends Run {
  /** With rotation and wal-cleanup. */
  allMs: number;
  peakBytes: number;
}

const peerLabel = 'pgBackRest full over TLS';

/** A whole base backup over the stand's network, beside bare pg_basebackup with the same compression, and pgBackRest. */
export async function measureBackup(): Promise<CaseResult> {
  await using stand = await ArchiveStand.create();
  const primary = await PostgresCluster.init(stand.primary, {
    walSegmentSizeMb: 16,
    settings: { shared_buffers: '256MB', max_wal_size: '4GB' },
  });
  await stand.startArchiving(primary);
  const load = ['-i', '-q', '-s', `${pgbenchScale}`, '-h', '/run/postgresql', 'postgres'];
  await stand.primary.check([`${findPostgresPrograms()}/pgbench`, ...load], { timeoutMs: longestMs });
  await primary.sql('CHECKPOINT');
  await primary.waitForArchived(await primary.switchWal(), longestMs);
  const peer = await (await PgBackRest.create(stand, primary)).admitBackups(primary);
  const meter = CpuMeter.open([stand.primary]);
  const place = { host: stand.arch1, primary, meter, enter: await entry(stand.arch1.machine, '/') };
  const runs = { ours: new Map<string, OurRun[]>(), bare: new Map<string, Run[]>(), peer: [] as number[] };
  for (const checksums of ['CRC32C', 'SHA256']) {
    runs.bare.set(checksums, []);
    runs.ours.set(checksums, []);
  }
  const kept =
    <T>(label: string, all: T[], run: () => Promise<T>) =>
    async () => {
      const result = await run();
      all.push(result);
      console.error(`${label}: ${JSON.stringify(result)}`);
    };
  const contestants = [
    ...[...runs.bare].map(([kind, all]) => kept(`pg_basebackup, ${kind}`, all, () => runBare(place, kind))),
    ...[...runs.ours].map(([kind, all]) => kept(`base-backup, ${kind}`, all, () => runOurs(place, kind))),
    kept(peerLabel, runs.peer, () => timed(() => peer.machine.check(peer.argv, { timeoutMs: longestMs }))),
  ];
  try {
    // Reads all of the database once before anything is measured.
    await runBare(place, 'CRC32C');
    await inTurn(contestants, rounds, (run) => run());
  } finally {
    meter.close();
  }
  const peerMs = median(runs.peer);
  const rows: Row[] = [[peerLabel, seconds(peerMs)]];
  const bars = [{ label: peerLabel, value: peerMs / 1000 }];
  for (const [checksums, ours] of runs.ours) {
    const bare = runs.bare.get(checksums) ?? [];
    const [wallMs, bareMs] = [medianOf(ours, 'wallMs'), medianOf(bare, 'wallMs')];
    rows.push(
      [`pg_basebackup, ${checksums}`, `${seconds(bareMs)}, ${cpuOf(bare)}`],
      [`base-backup, ${checksums}, until it is complete`, `${seconds(wallMs)}, ${cpuOf(ours)}`],
      barRow('  times bare pg_basebackup', { ratio: wallMs / bareMs, atMost: 1.05 }),
      barRow('  beside pgBackRest full', { ratio: wallMs / peerMs, atMost: 0.5 }),
      ['  with rotation and wal-cleanup', seconds(medianOf(ours, 'allMs'))],
      barRow('  memory at its peak, in MB', {
        ratio: Math.max(...ours.map((run) => run.peakBytes)) / 1e6,
        atMost: 150,
      }),
    );
    bars.push({ label: `pg_basebackup, ${checksums}`, value: bareMs / 1000 });
    bars.push({ label: `base-backup, ${checksums}`, value: wallMs / 1000 });
  }
  return { rows, charts: [{ title: 'A base backup', unit: 's', bars }] };
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;

function medianOf<Key extends string>(runs: readonly Record<Key, number>[], key: Key): number {
  return median(runs.map((run) => run[key]));
}

function cpuOf(runs: readonly Run[]): string {
  return `CPU ${seconds(medianOf(runs, 'cpuMs'))}, of the server ${seconds(medianOf(runs, 'serverCpuMs'))}`;
}

interface Place {
  host: ArchiveHost;
  primary: PostgresCluster;
  meter: CpuMeter;
  enter: readonly string[];
}

async function runBare({ host, primary, meter, enter }: Place, checksums: string): Promise<Run> {
  const to = '/archive/bare';
  const from = ['-h', primary.machine.address, '-p', `${primary.port}`, '-U', 'postgres'];
  const how = ['-Ft', '-Xstream', '-cfast', '--compress=server-zstd:level=1', `--manifest-checksums=${checksums}`];
  const serverBefore = meter.read();
  const startMs = performance.now();
  const argv = [...enter, `${findPostgresPrograms()}/pg_basebackup`, '-D', to, ...how, ...from];
  const program = spawn(argv, { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe', timeout: longestMs });
  const status = await program.exited;
  const wallMs = performance.now() - startMs;
  if (status !== 0) throw new Error(`pg_basebackup ended with ${status}: ${await new Response(program.stderr).text()}`);
  const cpuMs = Number(program.resourceUsage()?.cpuTime.total ?? Number.NaN) / 1000;
  const serverCpuMs = meter.read() - serverBefore;
  await host.machine.check(['rm', '-r', to]);
  return { wallMs, cpuMs, serverCpuMs };
}

async function runOurs({ host, primary, meter, enter }: Place, checksums: string): Promise<OurRun> {
  const from = ['--pghost', primary.machine.address, '--pgport', `${primary.port}`, '--pguser', 'postgres'];
  const words = [backups, '1', '--no-peer', `--manifest-checksums=${checksums}`, ...from];
  const serverBefore = meter.read();
  const startMs = performance.now();
  const argv = [...enter, `${BIN_DIRECTORY}/base-backup`, ...words];
  const program = spawn(argv, { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe', timeout: longestMs });
  let said = '';
  let complete: Omit<OurRun, 'allMs'> | undefined;
  for await (const text of program.stderr.pipeThrough(new TextDecoderStream())) {
    said += text;
    if (complete !== undefined || !said.includes('base backup is complete')) continue;
    const wallMs = performance.now() - startMs;
    const pid = host.machine.processes(/base-backup .*--manifest-checksums/)[0]?.pid;
    complete = { wallMs, serverCpuMs: meter.read() - serverBefore, ...lookAt(pid ?? program.pid) };
  }
  const status = await program.exited;
  if (status !== 0 || complete === undefined) throw new Error(`base-backup ended with ${status}: ${said}`);
  return { ...complete, allMs: performance.now() - startMs };
}

/** The peak of a process that runs, and its CPU, with that of the programs that it has waited for. */
function lookAt(pid: number): { peakBytes: number; cpuMs: number } {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { peakBytes: Number(kilobytes) * 1024, cpuMs: ticks * tickMs };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}
