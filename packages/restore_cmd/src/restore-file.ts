import { existsSync } from 'node:fs';
import { readFile, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Clock } from '@archive2/core/base/clock.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import { readSystemIdentifier } from '@archive2/core/postgres/system-identifier-file.ts';
import { type ArchiveFile, parseArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import { pageHeaderBytes, parsePageHeader } from '@archive2/core/wal/page-header.ts';
import { checkSegmentHeader } from '@archive2/core/wal/segment-header-check.ts';
import { type Answer, type Asker, nextStep } from './answer.ts';
import { fetchFile } from './fetch/fetch-file.ts';
import { openPool } from './fetch/open-pool.ts';
import type { FetchSettings } from './options.ts';

export interface RestoreRequest {
  settings: FetchSettings;
  asker: Asker;
  name: string;
  /** Absolute, or from the working directory. */
  path: string;
}

/** Recovery asks again this often while a host cannot say. */
const againMs = 2000;

/**
 * Fetches one file to its path and resolves with the exit status: 0 delivered, 1 absent (or, on a standby, not now), 126 not
 * known. Whatever is at the path is replaced only by a complete, verified file.
 */
export async function restoreFile(request: RestoreRequest, clock: Clock, log: Log): Promise<number> {
  const { settings, asker } = request;
  const file = parseArchiveFileName(request.name);
  const pool = openPool(settings, { clock, log });
  const startedMs = clock.monotonicMs();
  const wanted = {
    file,
    path: request.path,
    systemIdentifier: readSystemIdentifier('.'),
    notAfterMs: asker === 'standby' && settings.delayMs > 0 ? clock.nowMs() - settings.delayMs : undefined,
  };
  let warned = false;
  try {
    for (;;) {
      const { answer: joined, part } = await fetchFile(pool, wanted, log);
      if (part !== undefined) await deliver(part, request.path);
      const answer = await excuseHole(joined, file);
      const step = nextStep(answer, {
        asker,
        onUnavailable: settings.onUnavailable,
        elapsedMs: clock.monotonicMs() - startedMs,
        unavailableTimeoutMs: settings.unavailableTimeoutMs,
      });
      if (step.kind === 'exit') {
        if (answer.kind === 'unknown') explain(answer.reason, step.status, request, log);
        return step.status;
      }
      if (!warned && answer.kind === 'unknown') {
        log.warning('not known, asking again', { name: file.name, reason: answer.reason });
        warned = true;
      }
      await clock.sleep(againMs);
    }
  } finally {
    pool.stop();
  }
}

async function deliver(part: NonNullable<Awaited<ReturnType<typeof fetchFile>>['part']>, path: string): Promise<void> {
  try {
    await rename(part.path, path);
  } catch (error) {
    await part.discard();
    throw new Failure('disk_error', `${path} cannot be written`, { cause: error });
  } finally {
    await part.close();
  }
}

/** A segment that no host has, but that lies whole in our own pg_wal, is no hole: PostgreSQL reads its own file. */
async function excuseHole(answer: Answer, file: ArchiveFile): Promise<Answer> {
  if (answer.kind !== 'unknown' || answer.because !== 'hole' || file.kind !== 'segment') return answer;
  const own = join('pg_wal', basename(file.name));
  if (!existsSync(own)) return answer;
  try {
    checkSegmentHeader(parsePageHeader((await readFile(own)).subarray(0, pageHeaderBytes)), file);
    return { kind: 'absent' };
  } catch {
    // Not a segment of that name: recycled, or from elsewhere.
    return answer;
  }
}

function explain(reason: string, status: number, request: RestoreRequest, log: Log): void {
  const { settings, asker, name } = request;
  if (settings.onUnavailable === 'end') {
    log.warning('not known, taken as the end of WAL as --on-unavailable=end says: later commits may be lost', {
      name,
      reason,
    });
  } else if (status === 1) {
    log.info('not known, PostgreSQL asks again', { name, reason });
  } else {
    const ways =
      'Bring the host back and start again; or name only the surviving host in restore_command; or, if what can be reached is ' +
      'to be the end and later commits may be lost, add --on-unavailable=end.';
    log.error(asker === 'recovery' ? 'not known whether WAL ends here, recovery must not end' : 'not known', {
      name,
      reason,
    });
    log.error(`HINT: ${ways}`);
  }
}
