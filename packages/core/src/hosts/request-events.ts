import { parseEvent, type RecordedEvent } from '../files/event-text.ts';
import type { ArchiveSession } from './archive-session.ts';
import { requestBytes } from './request-bytes.ts';

/** More than a host sends: its bound is 10,000 events. */
const maxBytes = 64 * 1024 * 1024;

/**
 * The newest events of a host's log, the oldest first. What is no event that we know how to read is left out. A host of an older release
 * ends the session with `protocol`. For the rights `get`, `sync` and `status`.
 */
export async function requestEvents(
  session: ArchiveSession,
  query: { newest: number; sinceMs?: number },
): Promise<RecordedEvent[]> {
  const text = (await requestBytes(session, { type: 'events', ...query }, maxBytes)).toString('utf8');
  return text.split('\n').flatMap((line) => parseEvent(line) ?? []);
}
