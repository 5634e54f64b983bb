import type { ArchiveSession } from './archive-session.ts';
import { requestBytes } from './request-bytes.ts';

/**
 * What a host says of its archive, as JSON (backups/survey-text.ts). Throws Failure `protocol` for one of more than `maxBytes`. For the
 * rights `get`, `sync` and `status`.
 */
export async function requestSurvey(session: ArchiveSession, maxBytes: number): Promise<Buffer> {
  return await requestBytes(session, { type: 'survey' }, maxBytes);
}
