import { AcceptedHoles } from '../archive/accepted-holes.ts';
import type { ClusterDirectory } from '../archive/cluster-directory.ts';
import { type ClusterRecord, readClusterRecord } from '../archive/identity.ts';
import { OwedFiles } from '../archive/owed-files.ts';
import { Quarantine } from '../archive/quarantine.ts';
import { readStoreId } from '../archive/store-id.ts';
import { checkClusterNames, checkWalDirectory } from '../archive/wal-store.ts';
import { Failure, systemErrorCode } from '../base/failure.ts';
import { toDiskFailure } from '../files/disk-error.ts';
import { freeSpace } from '../files/free-space.ts';
import { readCleanupState } from './cleanup-state.ts';
import type { HostSurvey, SurveyedPin, SurveyProblem } from './host-survey.ts';
import { readNames, thisHost } from './host-view.ts';
import { isExpired, Pins } from './pins.ts';
import { surveyBackups } from './survey-backups.ts';
import { problemOf } from './survey-problem.ts';
import { readDescents, surveyWal } from './survey-wal.ts';
import { readSyncState } from './sync-state.ts';

/**
 * Reads what a cluster directory of this machine holds. Writes nothing, so that anybody who may read it may ask. A backup, pin, history
 * file or state file that cannot be read is told and keeps nothing else from being told. Throws Failure `not_initialized` when the WAL
 * directory is not there, `wrong_cluster` when it is another cluster's, and `disk_error` or `damaged` when the directory itself cannot
 * be read.
 */
export async function surveyHost(
  directory: ClusterDirectory,
  { cluster, program, nowMs }: { cluster: string; program: string; nowMs: number },
): Promise<HostSurvey> {
  await checkWalDirectory(directory);
  const identity = await readClusterRecord(directory);
  if (identity !== undefined) checkClusterNames(directory, identity, cluster);
  const problems: SurveyProblem[] = [];
  // Backups first: one that is published meanwhile is left out, but none is told without its WAL.
  const backups = await surveyBackups(directory, identity, nowMs);
  const wal = await readWal(directory, identity, problems);
  const told = async <T>(what: string, read: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await read();
    } catch (error) {
      problems.push(problemOf(what, error));
      return otherwise;
    }
  };
  return {
    host: thisHost,
    nowMs,
    program,
    storeId: await told('state/store-id', () => readStoreId(directory), undefined),
    cluster,
    identity: identityOf(identity),
    backups,
    ...wal,
    accepted: await told('state/holes.json', () => new AcceptedHoles(directory).list(), []),
    debts: await new OwedFiles(directory).summary(),
    disk: await readDisk(directory),
    quarantined: (await new Quarantine(directory).files()).length,
    pins: await readPins(directory, nowMs, problems),
    lastCleanupMs: (await told('state/cleanup.json', () => readCleanupState(directory), undefined))?.ranMs,
    lastSync: await told('state/sync.json', () => readSyncState(directory), undefined),
    problems,
  };
}

function identityOf(record: ClusterRecord | undefined): HostSurvey['identity'] {
  if (record === undefined) return undefined;
  const { systemIdentifier, segmentSize, postgresMajor } = record;
  return { systemIdentifier, segmentSize, postgresMajor };
}

async function readWal(
  directory: ClusterDirectory,
  identity: ClusterRecord | undefined,
  problems: SurveyProblem[],
): Promise<Pick<HostSurvey, 'wal' | 'descents'>> {
  const names = await readNames(directory);
  const descents = await readDescents(directory, names, problems);
  if (identity !== undefined) {
    return { wal: await surveyWal(directory.walDirectory, names, descents, identity.segmentSize), descents };
  }
  if (names.length > 0) {
    problems.push({ what: 'cluster.json', reason: `it is missing, although there are ${names.length} archive files` });
  }
  return { wal: [], descents };
}

async function readDisk(directory: ClusterDirectory): Promise<HostSurvey['disk']> {
  try {
    return await freeSpace(directory.walDirectory);
  } catch (error) {
    throw toDiskFailure(error, `asking for the free space of ${directory.walDirectory}`);
  }
}

async function readPins(directory: ClusterDirectory, nowMs: number, problems: SurveyProblem[]): Promise<SurveyedPin[]> {
  const pins = new Pins(directory);
  const found: SurveyedPin[] = [];
  for (const fileName of await pins.fileNames()) {
    try {
      const pin = await pins.read(fileName);
      if (pin === undefined || isExpired(pin, nowMs)) continue;
      found.push({ holder: pin.holder, from: pin.from, expiresMs: pin.expiresMs });
    } catch (error) {
      // Who knows a pin's whole id may end it.
      problems.push({ what: `state/pins/${fileName.slice(0, 6)}…`, reason: damageOf(error) });
    }
  }
  return found;
}

function damageOf(error: unknown): string {
  const code = error instanceof Failure ? undefined : systemErrorCode(error);
  return code ?? 'it cannot be read as a pin';
}
