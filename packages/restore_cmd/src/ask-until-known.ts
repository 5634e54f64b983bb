import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@archive2/core/base/clock.ts';
import type { Log } from '@archive2/core/base/log.ts';
import type { ArchiveFile } from '@archive2/core/wal/archive-file.ts';
import { pageHeaderBytes, parsePageHeader } from '@archive2/core/wal/page-header.ts';
import { checkSegmentHeader } from '@archive2/core/wal/segment-header-check.ts';
import { type Answer, type Asker, nextStep } from './answer.ts';
import type { DelayGate } from './delay/delay-gate.ts';
import type { FetchSettings } from './options.ts';

/** One file that somebody asks for, and the rules that apply to the question. */
export interface Question {
  file: ArchiveFile;
  asker: Asker;
  dataDirectory: string;
  settings: Pick<FetchSettings, 'onUnavailable' | 'unavailableTimeoutMs'>;
  /** Of a standby that is kept behind. */
  gate: DelayGate | undefined;
  /** Hears of each round that leaves it unknown. */
  onUnknown?: (answer: Answer & { kind: 'unknown' }) => void;
}

/** What one round of asking the hosts came to. */
export interface Round {
  answer: Answer;
  /** Of a delivered file. */
  modifiedMs?: number;
}

/** Recovery asks again this often while a host cannot say. */
const againMs = 2000;

/**
 * Asks until there is a status to end with: 0 the file of the last round is to be delivered, 1 absent (or, on a standby, not now),
 * 126 not known. Messages for PostgreSQL's log go to `log`. Ends early, as not known, when the signal aborts.
 */
export async function askUntilKnown<R extends Round>(
  question: Question,
  ask: () => Promise<R>,
  clock: Clock,
  log: Log,
  signal?: AbortSignal,
): Promise<{ status: 0; round: R } | { status: 1 | 126; answer: Answer }> {
  const { file, asker, settings } = question;
  const startedMs = clock.monotonicMs();
  let warned = false;
  for (;;) {
    const round = await ask();
    const answer = await excuseHole(await applyDelay(round, question), question);
    if (answer.kind === 'delivered') return { status: 0, round };
    if (answer.kind === 'unknown') question.onUnknown?.(answer);
    const step = nextStep(answer, { asker, ...settings, elapsedMs: clock.monotonicMs() - startedMs });
    if (step.kind === 'exit') {
      if (answer.kind === 'unknown') explain(answer.reason, step.status, question, log);
      return { status: step.status === 1 ? 1 : 126, answer };
    }
    if (signal?.aborted) return { status: 126, answer };
    if (!warned && answer.kind === 'unknown') {
      log.warning('not known, asking again', { name: file.name, reason: answer.reason });
      warned = true;
    }
    await clock.sleep(againMs, signal);
  }
}

/** On a delayed standby a file that is not due counts as absent. */
async function applyDelay({ answer, modifiedMs }: Round, { file, gate }: Question): Promise<Answer> {
  if (answer.kind !== 'delivered' || gate === undefined) return answer;
  return (await gate.admits(file, modifiedMs ?? 0)) ? answer : { kind: 'absent' };
}

/** A segment that no host has, but that lies whole in our own pg_wal, is no hole: PostgreSQL reads its own file. */
async function excuseHole(answer: Answer, { file, dataDirectory }: Question): Promise<Answer> {
  if (answer.kind !== 'unknown' || answer.because !== 'hole' || file.kind !== 'segment') return answer;
  const own = join(dataDirectory, 'pg_wal', file.name);
  if (!existsSync(own)) return answer;
  const handle = await open(own, 'r');
  try {
    const { buffer } = await handle.read(Buffer.alloc(pageHeaderBytes), 0, pageHeaderBytes, 0);
    checkSegmentHeader(parsePageHeader(buffer), file);
    return { kind: 'absent' };
  } catch {
    // Not a segment of that name: recycled, or from elsewhere.
    return answer;
  } finally {
    await handle.close();
  }
}

function explain(reason: string, status: number, { file, asker, settings }: Question, log: Log): void {
  const { name } = file;
  if (settings.onUnavailable === 'end') {
    const event = 'not known, taken as the end of WAL as --on-unavailable=end says: later commits may be lost';
    log.warning(event, { name, reason });
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
