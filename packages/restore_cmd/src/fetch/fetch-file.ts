import type { Clock } from '@archive2/core/base/clock.ts';
import { toFailure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import type { ArchiveSession } from '@archive2/core/hosts/archive-session.ts';
import type { HostTurn } from '@archive2/core/hosts/cooldown.ts';
import type { HostPool } from '@archive2/core/hosts/host-pool.ts';
import type { HostSpec } from '@archive2/core/hosts/host-spec.ts';
import { type Answer, joinAnswers, type Said } from '../answer.ts';
import type { PlaceFailure } from '../receive/place-failure.ts';
import { type FetchedFile, fetchFromHost, type HostFetch, lookAtHost, type Wanted } from './fetch-from-host.ts';

export interface FetchResult {
  answer: Answer;
  /** The delivered file; the caller gives it its name, or discards it, and closes it. */
  fetched?: FetchedFile;
  /** Where it came from, if from an archive host. */
  host?: HostSpec;
  /** There is no place for the file on this server. */
  placeFailure?: PlaceFailure;
}

/** A host that is still silent after this time is asked after one that is there. */
const patienceMs = 250;

/** A host and the attempt to reach it. */
interface Opening {
  host: HostSpec;
  session: Promise<ArchiveSession>;
  /** What a look before its turn came to: whether it has the file, if it can say. */
  look?: Promise<boolean | undefined>;
}

/**
 * Asks the hosts for a file until one delivers it, in their order, but nobody waits for a silent host while another one is there.
 * Connects to all of them at once, because "absent" needs every one's answer. `turn` counts up for those who share the work between
 * the hosts. Never throws.
 */
export async function fetchFile(
  pool: HostPool,
  wanted: Wanted,
  clock: Clock,
  log: Log,
  turn = 0,
): Promise<FetchResult> {
  const waiting = startingAt(pool.turns(), turn).map(({ host }): Opening => ({ host, session: pool.session(host) }));
  // Each is looked at in its turn; until then a failure is nobody's.
  for (const { session } of waiting) session.catch(() => undefined);
  if (wanted.isLikelyAbsent && !wanted.isDecisive) lookAtOthers(waiting, wanted);
  const answers: Said[] = [];
  while (waiting.length > 0) {
    const [opening] = waiting.splice(await nextInTurn(waiting, clock), 1);
    if (opening === undefined) break;
    const { host } = opening;
    // After a "no" a standby is told to ask again; after anything else the silent host may be the only one that has the file.
    const isTold = answers.some(({ answer }) => answer.kind === 'no');
    const patience = isTold && !wanted.isDecisive ? patienceMs : undefined;
    const { answer, fetched, placeFailure } = await askHost(pool, opening, wanted, patience, clock);
    answers.push({ host: host.text, hostName: host.host, answer });
    log.debug('answer', { name: wanted.file.name, host: host.text, ...answer });
    if (answer.kind === 'damaged') {
      log.warning('damaged copy', { name: wanted.file.name, host: host.text, reason: answer.reason });
    }
    if (answer.kind === 'no' && answer.accepted !== undefined) {
      const event = 'the segment is missing although later WAL is archived, and somebody has accepted that';
      log.warning(event, { name: wanted.file.name, host: host.text, acceptance: answer.accepted });
    }
    if (fetched !== undefined) return { answer: joinAnswers(answers), fetched, host };
    if (placeFailure !== undefined) return { answer: joinAnswers(answers), placeFailure };
  }
  return { answer: joinAnswers(answers) };
}

/** Has the hosts whose turn comes later look for the file at once: while the first one says no, so do they. */
function lookAtOthers(waiting: readonly Opening[], wanted: Wanted): void {
  for (const opening of waiting.slice(1)) {
    opening.look = opening.session.then(
      (session) => lookAtHost(session, wanted),
      () => undefined,
    );
  }
}

/** The hosts with another one first at each turn; those in cooldown stay last. */
function startingAt(turns: readonly HostTurn<HostSpec>[], turn: number): HostTurn<HostSpec>[] {
  const well = turns.filter(({ mode }) => mode === 'try');
  const first = well.length === 0 ? 0 : turn % well.length;
  return [...well.slice(first), ...well.slice(0, first), ...turns.filter(({ mode }) => mode === 'probe')];
}

/** The index of the host to ask next: the first one, or if it is silent for too long, whichever is heard of first. */
async function nextInTurn(waiting: readonly Opening[], clock: Clock): Promise<number> {
  if (waiting.length < 2) return 0;
  const heardOf = waiting.map(({ session }, index) =>
    session.then(
      () => index,
      () => index,
    ),
  );
  const enough = new AbortController();
  const silence = clock.sleep(patienceMs, enough.signal).then(() => undefined);
  const first = await Promise.race([heardOf[0], silence]);
  enough.abort();
  return first ?? (await Promise.race(heardOf));
}

/** Asks one host. With a patience, a host that is still silent after it cannot say: a standby asks again anyway. */
async function askHost(
  pool: HostPool,
  opening: Opening,
  wanted: Wanted,
  patience: number | undefined,
  clock: Clock,
): Promise<HostFetch> {
  const { host } = opening;
  try {
    const silence = patience === undefined ? [] : [clock.sleep(patience).then(() => undefined)];
    const session = await Promise.race([opening.session, ...silence]);
    if (session === undefined) return { answer: { kind: 'cannot_say', reason: `no session within ${patience} ms` } };
    const result: HostFetch =
      (await opening.look) === false ? { answer: { kind: 'no' } } : await fetchFromHost(session, wanted);
    if (result.answer.kind === 'damaged') wanted.onDamaged?.(session, result.answer.reason);
    if (result.answer.kind !== 'cannot_say') pool.succeeded(host);
    else if (!session.isOpen) pool.lost(host, session, result.answer.reason);
    return result;
  } catch (error) {
    return { answer: { kind: 'cannot_say', reason: toFailure(error).message } };
  }
}
