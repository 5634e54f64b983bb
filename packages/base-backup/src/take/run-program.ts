import { type ReceivedBackup, type ReceivedTars, receiveBackup } from '@archive2/core/backups/receive-backup.ts';
import { baseBackupArguments, chooseCompressionPlace } from '@archive2/core/postgres/basebackup-arguments.ts';
import { libpqEnvironment } from '@archive2/core/postgres/libpq-environment.ts';
import { majorVersionOf } from '@archive2/core/postgres/server-facts.ts';
import type { BackupUnderWay } from './take-backup.ts';
import { watchBackup } from './watch-backup.ts';

/** Runs pg_basebackup into the backup's directory, and watches it; see receiveBackup for `compare`. Throws what ends it. */
export async function runBaseBackupProgram<Comparison>(
  backup: BackupUnderWay,
  compare: (tars: ReceivedTars) => Promise<Comparison>,
): Promise<ReceivedBackup<Comparison>> {
  const { job, world, identity, server, program, number, directory, sourceBytes } = backup;
  const { settings, environment, clock, log } = world;
  const major = majorVersionOf(server.facts.versionNumber);
  const compression =
    settings.compression === 'auto' ? chooseCompressionPlace(major, program.major) : settings.compression;
  const applicationName = `base-backup ${job.run.slice(0, 8)}`;
  const args = baseBackupArguments({
    conninfo: { ...server.conninfo, application_name: applicationName },
    directory,
    major,
    label: `archive2 data.master.${number}`,
    compression,
    compressionLevel: settings.compressionLevel,
    compressionWorkers: settings.compressionWorkers,
    checksums: settings.checksums,
    checkpoint: settings.checkpoint,
    maxRate: settings.maxRate,
  });
  const failed = new AbortController();
  const ended = new AbortController();
  const watch = { directory, connection: server.connection, applicationName, sourceBytes };
  const watching = watchBackup(watch, world, ended.signal);
  watching.catch((error: unknown) => failed.abort(error));
  try {
    const reception = {
      directory,
      program: { path: program.path, args, environment: libpqEnvironment(environment) },
      identity,
      algorithm: settings.checksums,
      compress: compression === 'local',
      signal: AbortSignal.any([world.signal, failed.signal]),
      clock,
      onLine: (line: string) => log.debug(line),
    };
    return await receiveBackup(reception, compare);
  } finally {
    ended.abort();
    await watching.catch(() => undefined);
  }
}
