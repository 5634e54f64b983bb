import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import { readClusterRecord } from '@archive2/core/archive/identity.ts';
import { Failure, systemErrorCode } from '@archive2/core/base/failure.ts';
import { syncDirectory } from '@archive2/core/files/directory-sync.ts';
import { toDiskFailure } from '@archive2/core/files/disk-error.ts';
import type { RemoteRun } from './remote-run.ts';
import { tryStoring } from './try-storing.ts';

export async function runInit({ options, clock, log }: RemoteRun): Promise<void> {
  await initClusterDirectory(options.directory, options.cluster, clock.nowMs());
  log.info('cluster directory is ready', { dir: options.directory.path, cluster: options.cluster });
}

/**
 * Makes a cluster directory, its WAL directory and its state directory (0700), durably, and tries whether files can be
 * stored there. The identity comes with the first segment. Doing it again changes nothing. The parent must exist: a missing
 * one is more likely an unmounted disk than a wish. Throws Failure `not_initialized`, `no_hard_links` or `disk_error`.
 */
async function initClusterDirectory(directory: ClusterDirectory, cluster: string, nowMs: number): Promise<void> {
  const parent = dirname(directory.path);
  await checkParent(parent);
  try {
    for (const path of [directory.path, directory.walDirectory, directory.stateDirectory]) {
      await mkdir(path, { recursive: true, mode: 0o700 });
    }
  } catch (error) {
    throw toDiskFailure(error, `making ${directory.path}`);
  }
  const record = await readClusterRecord(directory);
  if (record !== undefined && record.cluster !== cluster) {
    throw new Failure('wrong_cluster', `${directory.path} belongs to cluster ${record.cluster}`, {
      hint: 'Give each cluster a directory of its own.',
    });
  }
  await tryStoring(directory.walDirectory, nowMs);
  await syncDirectory(directory.path);
  await syncDirectory(parent);
}

async function checkParent(parent: string): Promise<void> {
  try {
    if ((await stat(parent)).isDirectory()) return;
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw toDiskFailure(error, `looking at ${parent}`);
  }
  throw new Failure('not_initialized', `${parent} is not there`, {
    hint: 'Mount the disk, or make the directory yourself if it is really to be on this file system.',
  });
}
