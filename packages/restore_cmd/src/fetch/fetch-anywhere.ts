import type { Clock } from '@archive2/core/base/clock.ts';
import type { Log } from '@archive2/core/base/log.ts';
import type { HostPool } from '@archive2/core/hosts/host-pool.ts';
import { joinAnswers } from '../answer.ts';
import { type FetchResult, fetchFile } from './fetch-file.ts';
import type { Wanted } from './fetch-from-host.ts';
import { fetchLocally, type LocalSource } from './fetch-locally.ts';

/** Where files come from: first a directory of this machine, then the archive hosts. */
export interface Sources {
  /** Looked for with each file: somebody may make the directory at any time. */
  local: () => LocalSource | undefined;
  pool: HostPool;
}

/** As fetchFile, with a look into the local directory first. Its "no", or its bad file, counts only when no host is to be asked. */
export async function fetchAnywhere(
  sources: Sources,
  wanted: Wanted,
  clock: Clock,
  log: Log,
  turn = 0,
): Promise<FetchResult> {
  const local = sources.local();
  if (local !== undefined) {
    const { answer, fetched, placeFailure } = await fetchLocally(local, wanted, log);
    if (fetched !== undefined) return { answer: { kind: 'delivered' }, fetched };
    if (placeFailure !== undefined) {
      return { answer: joinAnswers([{ host: local.directory, answer }]), placeFailure };
    }
    if (local.isOnly) return { answer: joinAnswers([{ host: local.directory, answer }]) };
  }
  return await fetchFile(sources.pool, wanted, clock, log, turn);
}
