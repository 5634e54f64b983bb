import { dirname } from 'node:path';
import type { Clock } from '@archive2/core/base/clock.ts';
import type { Log } from '@archive2/core/base/log.ts';
import { removeStaleParts } from '@archive2/core/files/stale-parts.ts';
import type { ArchiveSession } from '@archive2/core/hosts/archive-session.ts';
import { readSystemIdentifier } from '@archive2/core/postgres/system-identifier-file.ts';
import { parseArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import type { Asker } from './answer.ts';
import { askUntilKnown } from './ask-until-known.ts';
import type { DelayGate } from './delay/delay-gate.ts';
import { deliverFile } from './deliver-file.ts';
import { fetchAnywhere } from './fetch/fetch-anywhere.ts';
import type { FetchedFile } from './fetch/fetch-from-host.ts';
import { localSource } from './fetch/local-source.ts';
import { openPool } from './fetch/open-pool.ts';
import { reportDamage } from './fetch/report-damage.ts';
import type { FetchSettings } from './options.ts';

const reportPatienceMs = 500;

export interface RestoreRequest {
  settings: FetchSettings;
  asker: Asker;
  name: string;
  /** Absolute, or from the working directory. */
  path: string;
  /** Of a call with a delay. */
  gate: DelayGate | undefined;
}

/**
 * Fetches one file to its path in this process and resolves with the exit status: 0 delivered, 1 absent (or, on a standby, not
 * now), 126 not known. Throws PlaceFailure when it cannot be put there. Whatever is at the path is replaced only by a complete, verified file.
 */
export async function restoreFile(request: RestoreRequest, clock: Clock, log: Log): Promise<number> {
  const { settings, asker, path } = request;
  const file = parseArchiveFileName(request.name);
  await removeStaleParts(dirname(path), clock.nowMs());
  const pool = await openPool(settings, { stateDirectory: undefined, clock, log });
  const sources = { local: () => localSource(settings, '.'), pool };
  const reports: Promise<void>[] = [];
  const wanted = {
    file,
    path,
    systemIdentifier: readSystemIdentifier('.'),
    isDecisive: asker !== 'standby',
    onDamaged: (session: ArchiveSession) => reports.push(reportDamage(session, file.name, log)),
  };
  let last: FetchedFile | undefined;
  try {
    const ask = async () => {
      await discard(last);
      last = undefined;
      const { answer, fetched, placeFailure } = await fetchAnywhere(sources, wanted, clock, log);
      if (placeFailure !== undefined) throw placeFailure;
      last = fetched;
      return fetched === undefined ? { answer } : { answer, modifiedMs: fetched.modifiedMs };
    };
    const gate = asker === 'standby' ? request.gate : undefined;
    const question = { file, asker, dataDirectory: '.', settings, gate };
    const { status } = await askUntilKnown(question, ask, clock, log);
    if (status === 0 && last !== undefined) await deliverFile(last.part.path, path);
    return status;
  } finally {
    await discard(last);
    // The host goes on by itself once it has heard; PostgreSQL does not wait for its repair.
    await Promise.race([Promise.all(reports), clock.sleep(reportPatienceMs)]);
    pool.stop();
  }
}

/** Removes a file that was not delivered; one that was has another name by now. */
async function discard(fetched: FetchedFile | undefined): Promise<void> {
  await fetched?.part.discard();
  await fetched?.part.close();
}
