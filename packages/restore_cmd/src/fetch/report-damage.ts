import { toFailure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import type { ArchiveSession } from '@archive2/core/hosts/archive-session.ts';
import { reportDamaged } from '@archive2/core/hosts/ask.ts';

/** Tells a host that its copy is damaged, and logs what it did about it. Never throws: the file is had from elsewhere meanwhile. */
export async function reportDamage(session: ArchiveSession, name: string, log: Log): Promise<void> {
  try {
    log.info('damaged copy reported', { name, host: session.host, outcome: await reportDamaged(session, name) });
  } catch (error) {
    log.warning('damaged copy not reported', { name, host: session.host, reason: toFailure(error).message });
  }
}
