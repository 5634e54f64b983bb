import { toFailure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import type { PartFile } from '@archive2/core/files/part-file.ts';
import type { HostPool } from '@archive2/core/hosts/host-pool.ts';
import type { HostSpec } from '@archive2/core/hosts/host-spec.ts';
import { type Answer, type HostAnswer, joinAnswers } from '../answer.ts';
import { type Fetched, fetchFromHost, type Wanted } from './fetch-from-host.ts';

export interface FetchResult {
  answer: Answer;
  /** The delivered file, complete and verified; the caller gives it its name, or discards it. */
  part?: PartFile;
}

/**
 * Asks the hosts for a file, in their order, until one delivers it; connects to all of them at once, because "absent" needs every
 * one's answer. Never throws.
 */
export async function fetchFile(pool: HostPool, wanted: Wanted, log: Log): Promise<FetchResult> {
  const turns = pool.turns();
  for (const { host } of turns) pool.session(host).catch(() => undefined);
  const answers: { host: string; answer: HostAnswer }[] = [];
  for (const { host } of turns) {
    const { answer, part } = await askHost(pool, host, wanted);
    answers.push({ host: host.text, answer });
    log.debug('answer', { name: wanted.file.name, host: host.text, ...answer });
    if (answer.kind === 'damaged') {
      log.warning('damaged copy', { name: wanted.file.name, host: host.text, reason: answer.reason });
    }
    if (part !== undefined) return { answer: joinAnswers(answers), part };
  }
  return { answer: joinAnswers(answers) };
}

async function askHost(pool: HostPool, host: HostSpec, wanted: Wanted): Promise<Fetched> {
  try {
    const session = await pool.session(host);
    const fetched = await fetchFromHost(session, wanted);
    if (fetched.answer.kind !== 'cannot_say') pool.succeeded(host);
    else if (!session.isOpen) pool.lost(host, session, fetched.answer.reason);
    return fetched;
  } catch (error) {
    return { answer: { kind: 'cannot_say', reason: toFailure(error).message } };
  }
}
