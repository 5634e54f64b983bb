import { Failure } from '../base/failure.ts';
import type { ClientMessageOf, ServerMessageOf } from '../protocol/messages.ts';
import type { Answer, ArchiveSession } from './archive-session.ts';

/**
 * The newest archive file names of a host, at most `count`, in no order: those that it has, and those that it had and has cleaned
 * up. For the right `sync`.
 */
export async function listNewestNames(session: ArchiveSession, count: number): Promise<string[]> {
  const answer = await ask(session, 'names', (id) => session.send({ type: 'list', id, newest: count }));
  return [...answer.names, ...(answer.removed ?? [])];
}

/** Whether the host's archive has a file, whatever its copy is worth; a no ends nothing. Throws the Failure of a host that cannot say. */
export async function hasFile(
  session: ArchiveSession,
  file: { name: string; systemIdentifier?: string },
): Promise<boolean> {
  const { type } = await ask(session, ['found', 'absent'], (id) => session.send({ type: 'look', id, ...file }));
  return type === 'found';
}

/** Tells a host that its copy of a file was found damaged; resolves with what it found and did (`reported` in messages.ts). */
export async function reportDamaged(session: ArchiveSession, name: string): Promise<string> {
  const answer = await ask(session, 'reported', (id) => session.send({ type: 'report', id, name }));
  return answer.outcome;
}

/** What a host finds when it reads its own copy of a file. */
export type CopyState =
  | { state: 'whole'; rawDigest: string }
  /** It fails its own checks. */
  | { state: 'damaged'; reason: string }
  /** It cannot be read to its end, or not yet: nothing is known of it. */
  | { state: 'unreadable'; reason: string }
  | { state: 'absent' };

/** Has the host read its own copy of a file to its end. Nothing crosses the session but the digest. For the right `sync`. */
export async function digestCopy(session: ArchiveSession, name: string): Promise<CopyState> {
  const answer = await ask(session, 'digested', (id) => session.send({ type: 'digest', id, name }));
  const { state, rawDigest, reason = '' } = answer;
  if (state === 'absent') return { state };
  if (state === 'whole' && rawDigest !== undefined && /^[0-9a-f]{64}$/.test(rawDigest)) return { state, rawDigest };
  if (state === 'damaged' || state === 'unreadable') return { state, reason };
  throw new Failure('protocol', `${session.host} says of its copy of ${name}: ${JSON.stringify(state.slice(0, 40))}`);
}

/** What fits in a frame's header. */
export const mostSettledNames = 1024;

/**
 * Tells a host that this one holds these files with the same content: it drops what it owes of them. Resolves with how many debts
 * that were. At most `mostSettledNames`.
 */
export async function settleDebts(session: ArchiveSession, names: readonly string[]): Promise<number> {
  const answer = await ask(session, 'settled', (id) => session.send({ type: 'settle', id, names: [...names] }));
  return answer.count;
}

/** What a host has archived, in short (archive/pledge.ts). */
export type KnownNames = Pick<ServerMessageOf<'pledged'>, 'newest' | 'histories'>;

/** Asks the peer for a pledge of two copies; resolves with what it has by now. For the right `sync`. */
export async function askForPledge(
  session: ArchiveSession,
  own: KnownNames & { storeId: string },
): Promise<KnownNames> {
  const { newest, histories } = await ask(session, 'pledged', (id) => session.send({ type: 'pledge', id, ...own }));
  return { newest, histories };
}

/** Tells the peer that the pledge with this host has ended; it relies on it no more when this resolves. */
export async function askToUnpledge(session: ArchiveSession, storeId: string): Promise<void> {
  await ask(session, 'unpledged', (id) => session.send({ type: 'unpledge', id, storeId }));
}

/** WAL that a restore or a drill needs for a while, as it is asked for. */
export type PinRequest = Omit<ClientMessageOf<'pin'>, 'type' | 'id'>;

/**
 * Has a host keep the WAL from a place on for `ttlSeconds` (at most a day; asking again with the same `pin` prolongs or moves it, 0
 * ends it). `pin` is 16 to 64 random letters and digits, `from` an LSN. For the right `get`. Throws Failure `busy` when the host has
 * too many pins.
 */
export async function pinWal(session: ArchiveSession, request: PinRequest): Promise<void> {
  await ask(session, 'pinned', (id) => session.send({ type: 'pin', id, ...request }));
}

/** Has the host try what a put needs: write, fsync, hard link, free space. Throws the Failure of what does not work. */
export async function probeHost(session: ArchiveSession): Promise<ServerMessageOf<'probed'>> {
  return await ask(session, 'probed', (id) => session.send({ type: 'probe', id }));
}

function ask<T extends Answer['type']>(
  session: ArchiveSession,
  wanted: T | readonly T[],
  send: (id: number) => void,
): Promise<ServerMessageOf<T>> {
  const types: readonly T[] = typeof wanted === 'string' ? [wanted] : wanted;
  return new Promise((resolve, reject) => {
    const id = session.begin({
      receive(answer) {
        session.finish(id);
        if (isAnswer(answer, types)) resolve(answer);
        else reject(new Failure('protocol', `expected ${types.join(' or ')}, got ${answer.type}`));
      },
      fail(failure) {
        session.finish(id);
        reject(failure);
      },
    });
    send(id);
  });
}

function isAnswer<T extends Answer['type']>(
  answer: Answer,
  wanted: readonly T[],
): answer is ServerMessageOf<T> & Answer {
  return wanted.some((type) => type === answer.type);
}
