import { readFileSync } from 'node:fs';
import type { ArchiveHost } from '../../test/support/archive-host.ts';
import { ArchiveStand } from '../../test/support/archive-stand.ts';
import { PostgresCluster } from '../../test/support/postgres-cluster.ts';
import { findPostgresPrograms } from '../../test/support/postgres-programs.ts';
import { BIN_DIRECTORY } from '../../test/support/repository.ts';
import { PgBackRest } from './pgbackrest.ts';
import { barRow, type CaseResult, median, type Row } from './summary.ts';

/** About 1.5 GB. */
const pgbenchScale = 100;
const rounds = 3;
const longestMs = 300_000;
const backups = '/archive/main';

interface Measured {
  wallMs: number;
  /** To the line that says that the backup is complete; what comes after is cleanup. */
  completeMs: number;
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
  const ours = new Map<string, Measured[]>();
  const others = new Map<string, number[]>();
  const note = <T>(map: Map<string, T[]>, key: string, value: T) => map.set(key, [...(map.get(key) ?? []), value]);
  for (let round = 1; round <= rounds; round += 1) {
    for (const checksums of ['CRC32C', 'SHA256']) {
      note(others, `pg_basebackup, ${checksums}`, await bare(stand.arch1, primary, checksums));
      note(ours, checksums, await whole(stand.arch1, primary, checksums));
    }
    note(others, peerLabel, await timed(() => peer.machine.check(peer.argv, { timeoutMs: longestMs })));
    console.error(`backup, round ${round}: ${JSON.stringify([...others, ...ours])}`);
  }
  const rows: Row[] = [...others].map(([label, values]) => [label, seconds(median(values))]);
  for (const [checksums, values] of ours) {
    const completeMs = median(values.map((it) => it.completeMs));
    const bareMs = median(others.get(`pg_basebackup, ${checksums}`) ?? []);
    rows.push([`base-backup, ${checksums}, until it is complete`, seconds(completeMs)]);
    rows.push(barRow('  times bare pg_basebackup', { ratio: completeMs / bareMs, atMost: 1.05 }));
    const peerMs = median(others.get(peerLabel) ?? []);
    rows.push(barRow('  beside pgBackRest full', { ratio: completeMs / peerMs, atMost: 0.5 }));
    rows.push(['  with rotation and wal-cleanup', seconds(median(values.map((it) => it.wallMs)))]);
    const peak = Math.max(...values.map((it) => it.peakBytes));
    rows.push(barRow('  memory at its peak, in MB', { ratio: peak / 1e6, atMost: 150 }));
  }
  const ms = new Map([
    ...others,
    ...[...ours].map(([key, of]) => [`base-backup, ${key}`, of.map((it) => it.completeMs)] as const),
  ]);
  const bars = [...ms].map(([label, values]) => ({ label, value: median(values) / 1000 }));
  return { rows, charts: [{ title: 'A base backup', unit: 's', bars }] };
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;

async function bare({ machine }: ArchiveHost, primary: PostgresCluster, checksums: string): Promise<number> {
  const to = '/archive/bare';
  const from = ['-h', primary.machine.address, '-p', `${primary.port}`, '-U', 'postgres'];
  const how = ['-Ft', '-Xstream', '-cfast', '--compress=server-zstd:level=1', `--manifest-checksums=${checksums}`];
  const argv = [`${findPostgresPrograms()}/pg_basebackup`, '-D', to, ...how, ...from];
  const wallMs = await timed(() => machine.check(argv, { timeoutMs: longestMs }));
  await machine.check(['rm', '-r', to]);
  return wallMs;
}

async function whole({ machine }: ArchiveHost, primary: PostgresCluster, checksums: string): Promise<Measured> {
  const from = ['--pghost', primary.machine.address, '--pgport', `${primary.port}`, '--pguser', 'postgres'];
  const words = [backups, '1', '--no-peer', `--manifest-checksums=${checksums}`, ...from];
  const startMs = performance.now();
  const program = machine.spawn([`${BIN_DIRECTORY}/base-backup`, ...words]);
  program.input.end();
  let completeMs = Number.NaN;
  program.errors.on('data', (chunk: Buffer) => {
    if (chunk.includes('base backup is complete')) completeMs = performance.now() - startMs;
  });
  const pid = await program.pid();
  let peakBytes = 0;
  const timer = setInterval(() => {
    peakBytes = Math.max(peakBytes, peakOf(pid));
  }, 20);
  const { status, stderr } = await program.endWithin(longestMs);
  clearInterval(timer);
  const wallMs = performance.now() - startMs;
  if (status !== 0 || Number.isNaN(completeMs)) throw new Error(`base-backup ended with ${status}: ${stderr}`);
  return { wallMs, completeMs, peakBytes };
}

function peakOf(pid: number): number {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    // It has ended since.
    return 0;
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}
