import { ArchiveStand } from '../../test/support/archive-stand.ts';
import { GuidedRestore } from '../../test/support/guided-restore.ts';
import type { Machine } from '../../test/support/machine.ts';
import { peakBytesOf } from '../../test/support/peak-memory.ts';
import { PostgresCluster } from '../../test/support/postgres-cluster.ts';
import { findPostgresPrograms } from '../../test/support/postgres-programs.ts';
import { BIN_DIRECTORY } from '../../test/support/repository.ts';
import { inTurn } from './in-turn.ts';
import { PgBackRest } from './pgbackrest.ts';
import { barRow, type CaseResult, median } from './summary.ts';
import { benchSettings } from './write-segments.ts';

/** About 2 GB. */
const pgbenchScale = 135;
const rounds = 4;
const longestMs = 300_000;
const copyName = 'copy';

/** A base backup of pgbench and its WAL brought back on another machine, beside pgBackRest: the files alone, and until they serve. */
export async function measureComeback(): Promise<CaseResult> {
  await using stand = await ArchiveStand.create();
  const restorer = await stand.stand.machine('restorer');
  await stand.admit(restorer, 'get');
  const peer = await makeBackups(stand);
  const guided = new GuidedRestore({ restorer, archive: stand });
  const { copy, flags } = guided.newCopy(copyName);
  await peer.admit(restorer, copy.dataDirectory);
  const peerRestore = peer.command('tls', 'restore');
  const ours: Runs = { filesMs: [], servesMs: [] };
  const theirs: Runs = { filesMs: [], servesMs: [] };
  let peakBytes = 0;
  const run = async (...more: string[]) => {
    const result = await ourRun(guided, [...flags, '--yes', ...more]);
    peakBytes = Math.max(peakBytes, result.peakBytes);
    return result.ms;
  };
  const contestants = [
    async () => ours.filesMs.push(await run()),
    async () => theirs.filesMs.push(await timed(() => restorer.check(peerRestore, { timeoutMs: longestMs }))),
    async () => ours.servesMs.push(await run('--start')),
    async () => theirs.servesMs.push(await timed(() => startFrom(peerRestore, restorer, copy))),
  ];
  await inTurn(contestants, rounds, async (restore, round) => {
    await restore();
    await guided.discard(copy);
    console.error(`restore of a backup, round ${round}: ${JSON.stringify({ ours, theirs })}`);
  });
  const seconds = (ms: readonly number[]) => `${(median(ms) / 1000).toFixed(2)} s`;
  const beside = (key: keyof Runs) => median(ours[key]) / median(theirs[key]);
  return {
    rows: [
      ['backup-restore: the files, verified', seconds(ours.filesMs)],
      ['pgbackrest restore over TLS, process-max 2', seconds(theirs.filesMs)],
      barRow('  beside pgBackRest', { ratio: beside('filesMs'), atMost: 0.9 }),
      ['backup-restore --start: until it serves', seconds(ours.servesMs)],
      ['pgbackrest restore, and a start: until it serves', seconds(theirs.servesMs)],
      barRow('  beside pgBackRest', { ratio: beside('servesMs'), atMost: 0.9 }),
      barRow('  memory of backup-restore at its peak, in MB', { ratio: peakBytes / 1e6, atMost: 200 }),
    ],
    charts: [
      {
        title: 'A backup of 2 GB brought back, until it serves',
        unit: 's',
        bars: [
          { label: 'backup-restore --start', value: median(ours.servesMs) / 1000 },
          { label: 'pgBackRest over TLS, process-max 2', value: median(theirs.servesMs) / 1000 },
        ],
      },
    ],
  };
}

interface Runs {
  filesMs: number[];
  servesMs: number[];
}

/** One backup in each repository of arch1, and the WAL since in both. */
async function makeBackups(stand: ArchiveStand): Promise<PgBackRest> {
  const primary = await PostgresCluster.init(stand.primary, {
    name: 'source',
    walSegmentSizeMb: 16,
    settings: { ...benchSettings, wal_keep_size: '0' },
  });
  await primary.start();
  const peer = await PgBackRest.create(stand, primary);
  const push = peer.command('tls', 'archive-push', '%p').join(' ');
  await primary.setArchiveCommand(`${stand.archiveCommand()} && ${push}`);
  const load = ['-i', '-q', '-s', `${pgbenchScale}`, '-h', '/run/postgresql', '-p', `${primary.port}`, 'postgres'];
  await stand.primary.check([`${findPostgresPrograms()}/pgbench`, ...load], { timeoutMs: longestMs });
  await primary.sql('CHECKPOINT', { timeoutMs: longestMs });
  await primary.waitForArchived(await primary.switchWal(), longestMs);
  const { machine, argv } = await peer.admitBackups(primary);
  await machine.check(argv, { timeoutMs: longestMs });
  const from = ['--pghost', primary.machine.address, '--pgport', `${primary.port}`, '--pguser', 'postgres'];
  const backup = [`${BIN_DIRECTORY}/base-backup`, '/archive/main', '1', '--no-peer', ...from];
  await machine.check(backup, { timeoutMs: longestMs });
  await primary.waitForArchived(await primary.switchWal(), longestMs);
  return peer;
}

async function ourRun(guided: GuidedRestore, flags: readonly string[]): Promise<{ ms: number; peakBytes: number }> {
  let peakBytes = 0;
  const timer = setInterval(() => {
    for (const { pid } of guided.machine.processes(/bin\/backup-restore /)) {
      peakBytes = Math.max(peakBytes, peakBytesOf(pid));
    }
  }, 100);
  try {
    const ms = await timed(async () => {
      const { status, stderr, stdout } = await guided.run(flags);
      if (status !== 0) throw new Error(`backup-restore ended with ${status}\n${stderr}${stdout}`);
    });
    return { ms, peakBytes };
  } finally {
    clearInterval(timer);
  }
}

async function startFrom(restore: readonly string[], machine: Machine, copy: PostgresCluster): Promise<void> {
  await machine.check(restore, { timeoutMs: longestMs });
  copy.configure({ listen_addresses: '', port: copy.port, archive_mode: false });
  await copy.start({ timeoutMs: longestMs });
  await copy.pollUntil('SELECT pg_is_in_recovery()', 'f', longestMs);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}
