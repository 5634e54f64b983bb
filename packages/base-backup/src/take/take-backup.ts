import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ClusterRecord, readClusterRecord } from '@archive2/core/archive/identity.ts';
import { backupDirectory } from '@archive2/core/backups/backup-directory.ts';
import type { BackupManifest } from '@archive2/core/backups/backup-manifest.ts';
import type { BackupRecord } from '@archive2/core/backups/backup-record.ts';
import { noteRun } from '@archive2/core/backups/backup-run.ts';
import { listBackups } from '@archive2/core/backups/list-backups.ts';
import type { MemberBook } from '@archive2/core/backups/member-book.ts';
import { neededSegments } from '@archive2/core/backups/needed-segments.ts';
import { nextBackupNumber } from '@archive2/core/backups/next-number.ts';
import { publishBackup } from '@archive2/core/backups/publish-backup.ts';
import type { ReceivedTars } from '@archive2/core/backups/receive-backup.ts';
import { removeBackup } from '@archive2/core/backups/remove-backup.ts';
import { syncTree } from '@archive2/core/backups/sync-tree.ts';
import { checkWalTar, verifyManifest } from '@archive2/core/backups/verify-backup.ts';
import { scheduleAsBatch } from '@archive2/core/base/batch-door.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { together } from '@archive2/core/base/together.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import { toDiskFailure } from '@archive2/core/files/disk-error.ts';
import { freeSpace } from '@archive2/core/files/free-space.ts';
import type { BackupServer } from '@archive2/core/postgres/connect-servers.ts';
import { findBaseBackup, searchBaseBackup } from '@archive2/core/postgres/find-basebackup.ts';
import type { InstalledProgram } from '@archive2/core/postgres/installed-programs.ts';
import { majorVersionOf, readClusterBytes } from '@archive2/core/postgres/server-facts.ts';
import { readSystemIdentifier } from '@archive2/core/postgres/system-identifier-file.ts';
import { parseBackupLabel, type WalPlace } from '@archive2/core/wal/backup-label.ts';
import { tryParseLsn } from '@archive2/core/wal/lsn.ts';
import { formatSystemIdentifier } from '@archive2/core/wal/system-identifier.ts';
import type { BackupJob } from '../backup-job.ts';
import type { BackupWorld } from '../backup-world.ts';
import { removeLeftovers } from './leftovers.ts';
import { makePartial } from './make-partial.ts';
import { openServer } from './open-server.ts';
import { segmentsOnPeer } from './peer-wal.ts';
import { runBaseBackupProgram } from './run-program.ts';
import { checkSpace, expectedBytes } from './space-check.ts';
import { switchWal } from './switch-wal.ts';
import { waitForWal } from './wait-for-wal.ts';

/** What the steps of one backup share. */
export interface BackupUnderWay {
  job: BackupJob;
  world: BackupWorld;
  identity: ClusterRecord;
  server: BackupServer;
  program: InstalledProgram;
  number: number;
  /** The `.partial` directory. */
  directory: string;
  sourceBytes: number | undefined;
  startedMs: number;
}

/**
 * Takes one base backup and publishes it: complete when this returns, and nothing left of it when it throws. Only with the lock of
 * base backups. `announce` is told the backup's name before anything of it is there.
 */
export async function takeBackup(
  job: BackupJob,
  world: BackupWorld,
  announce: (name: string) => Promise<void>,
): Promise<BackupRecord> {
  const { clock, log } = world;
  const search = searchBaseBackup(world.settings.binDirectory, world.environment);
  const identity = await readIdentity(job);
  const list = () => listBackups(job.directory, identity, clock.nowMs());
  const opening = openServer(job, world, identity);
  // Its failure is told where it is waited for; what fails before that is told instead.
  opening.catch(() => undefined);
  try {
    // pg_basebackup wakes with each few kilobytes: on a machine whose processors are busy it would take one from somebody each time.
    scheduleAsBatch();
    await removeLeftovers(job.directory, list, log);
    const server = await opening;
    const major = majorVersionOf(server.facts.versionNumber);
    const [program, sourceBytes, backups, space] = await together(world.signal, [
      () => findBaseBackup(search, major),
      () => readClusterBytes(server.connection),
      list,
      () => freeSpace(job.directory.path),
    ]);
    const needed = sourceBytes === undefined ? 0 : expectedBytes(sourceBytes, backups);
    checkSpace(job.directory.path, space, needed, world.settings.watermark);
    // Not while the server adds up its size, which takes long for a large one: other tools take numbers, too.
    const number = await nextBackupNumber(job.directory);
    const directory = backupDirectory(job.directory, number, 'partial');
    const startedMs = clock.nowMs();
    const backup = { job, world, identity, server, program, number, directory, sourceBytes, startedMs };
    await together(world.signal, [
      () => announce(`data.master.${number}`),
      () => noteRun(job.directory, `data.master.${number}.partial`, job.run, startedMs),
    ]);
    log.info('base backup begins', {
      cluster: identity.cluster,
      name: `data.master.${number}`,
      server: server.name,
      role: server.facts.isStandby ? 'standby' : 'primary',
      with: program.version,
    });
    return await takeInto(backup);
  } finally {
    await opening.then(
      (server) => server.close(),
      () => undefined,
    );
  }
}

async function takeInto(backup: BackupUnderWay): Promise<BackupRecord> {
  const { job, directory, number } = backup;
  await makePartial(job.directory, directory);
  try {
    const { comparison, walSegments } = await runBaseBackupProgram(backup, (tars) => compareTars(backup, tars));
    checkWalTar(walSegments, comparison.ranges, backup.identity);
    return await finish(backup, comparison);
  } catch (error) {
    await removeBackup(job.directory, `data.master.${number}.partial`);
    throw toDiskFailure(error, `writing the backup in ${directory}`);
  }
}

/** A backup whose files are what its manifest says, and where its WAL begins and ends. */
interface ComparedBackup {
  book: MemberBook;
  manifestSha256: string | undefined;
  start: WalPlace;
  stop: WalPlace;
  ranges: BackupManifest['walRanges'];
}

/** Throws Failure `backup_damaged`, `wrong_cluster` unless what came is what the manifest says, and of this cluster. */
async function compareTars(
  { world, identity, server, directory }: BackupUnderWay,
  tars: ReceivedTars,
): Promise<ComparedBackup> {
  const { log } = world;
  const { book } = tars;
  log.debug('all tars were read');
  const hasManifest = majorVersionOf(server.facts.versionNumber) >= 13;
  const manifest = hasManifest ? await verifyManifest({ directory, book, identity }) : undefined;
  log.debug('all files were compared with the manifest', { files: book.fileCount });
  checkControlFile(directory, identity);
  return { book, manifestSha256: manifest?.sha256, ...(await readPlaces(directory, identity, manifest, tars)) };
}

/** From a directory with all of a backup to a published one. */
async function finish(backup: BackupUnderWay, compared: ComparedBackup): Promise<BackupRecord> {
  const { job, world, identity, server, program, number, directory } = backup;
  const { clock, log, signal, settings } = world;
  const { book, manifestSha256, start, stop, ranges } = compared;
  const [tree] = await together(signal, [
    async () => {
      const size = await syncTree(directory);
      log.debug('all files are durable', { bytes: size.sizeBytes });
      return size;
    },
    (ours) =>
      waitForWal({
        cluster: job.directory,
        segments: neededSegments(ranges, identity.segmentSize),
        askPeer: askPeerOf(backup),
        switchWal: () => switchWal(server, log),
        limitMs: settings.walWaitMs,
        clock,
        log,
        signal: ours,
      }),
  ]);
  const record: BackupRecord = {
    name: `data.master.${number}`,
    number,
    cluster: identity.cluster,
    systemIdentifier: identity.systemIdentifier,
    postgresMajor: majorVersionOf(server.facts.versionNumber),
    segmentSize: identity.segmentSize,
    start,
    stop,
    startedMs: backup.startedMs,
    endedMs: clock.nowMs(),
    tool: `archive2 ${programVersion}, ${program.version}`,
    sizeBytes: tree.sizeBytes,
    fileCount: book.fileCount,
    manifestSha256,
    verified: true,
    parent: undefined,
    run: job.run,
    sourceBytes: book.contentBytes,
    serverVersion: server.facts.versionNumber,
  };
  signal.throwIfAborted();
  // Nothing more is asked of the server: it parts while the disk works.
  const parting = server.close();
  await publishBackup(job.directory, record, clock.nowMs());
  await parting;
  return record;
}

async function readIdentity({ directory, cluster }: BackupJob): Promise<ClusterRecord> {
  const record = await readClusterRecord(directory);
  if (record === undefined) {
    throw new Failure('not_initialized', `${directory.path} has no cluster.json`, {
      hint: 'Is the disk mounted? An archive gets its identity with its first segment, and a backup needs its WAL in it.',
    });
  }
  if (cluster === undefined || cluster === record.cluster) return record;
  throw new Failure('wrong_cluster', `${directory.path} belongs to cluster ${record.cluster}, not ${cluster}`, {
    hint: 'Compare the directory that "backup-queue show" has.',
  });
}

function checkControlFile(directory: string, { systemIdentifier }: ClusterRecord): void {
  const found = readSystemIdentifier(directory);
  if (found === formatSystemIdentifier(systemIdentifier)) return;
  throw new Failure(
    'wrong_cluster',
    `the backup is of the cluster ${found ?? 'without pg_control'}, not ${systemIdentifier}`,
  );
}

/** Where the backup's WAL begins and ends, by the label and the manifest, or, for PostgreSQL 12, by what pg_basebackup said. */
async function readPlaces(
  directory: string,
  identity: ClusterRecord,
  manifest: BackupManifest | undefined,
  received: ReceivedTars,
): Promise<{ start: WalPlace; stop: WalPlace; ranges: BackupManifest['walRanges'] }> {
  const { start } = parseBackupLabel(await readFile(join(directory, 'backup_label'), 'utf8'), identity.segmentSize);
  const last = manifest?.walRanges.at(-1);
  const endLsn = last?.endLsn ?? tryParseLsn(received.endLsn ?? '');
  if (endLsn === undefined)
    throw new Failure('backup_failed', 'pg_basebackup did not say where the WAL of the backup ends');
  const ranges = manifest?.walRanges ?? [{ start, endLsn }];
  return { start, stop: { timeline: last?.start.timeline ?? start.timeline, lsn: endLsn }, ranges };
}

function askPeerOf({ job, world, identity }: BackupUnderWay) {
  const { peer } = job;
  if (peer === undefined) return undefined;
  const place = { directory: job.directory, cluster: identity.cluster, peer };
  return (names: Parameters<typeof segmentsOnPeer>[2]) => segmentsOnPeer(world, place, names);
}
