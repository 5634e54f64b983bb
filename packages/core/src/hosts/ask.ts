import { Failure } from '../base/failure.ts';
import type { ServerMessageOf } from '../protocol/messages.ts';
import type { Answer, ArchiveSession } from './archive-session.ts';

/** The newest archive file names of a host, at most `count`, in no order. For the right `sync`. */
export async function listNewestNames(session: ArchiveSession, count: number): Promise<string[]> {
  const answer = await ask(session, 'names', (id) => session.send({ type: 'list', id, newest: count }));
  return answer.names;
}

/** Tells a host that its copy of a file was found damaged; resolves with what it found and did (`reported` in messages.ts). */
export async function reportDamaged(session: ArchiveSession, name: string): Promise<string> {
  const answer = await ask(session, 'reported', (id) => session.send({ type: 'report', id, name }));
  return answer.outcome;
}

/** Has the host try what a put needs: write, fsync, hard link, free space. Throws the Failure of what does not work. */
export async function probeHost(session: ArchiveSession): Promise<ServerMessageOf<'probed'>> {
  return await ask(session, 'probed', (id) => session.send({ type: 'probe', id }));
}

function ask<T extends Answer['type']>(
  session: ArchiveSession,
  wanted: T,
  send: (id: number) => void,
): Promise<ServerMessageOf<T>> {
  return new Promise((resolve, reject) => {
    const id = session.begin({
      receive(answer) {
        session.finish(id);
        if (isAnswer(answer, wanted)) resolve(answer);
        else reject(new Failure('protocol', `expected ${wanted}, got ${answer.type}`));
      },
      fail(failure) {
        session.finish(id);
        reject(failure);
      },
    });
    send(id);
  });
}

function isAnswer<T extends Answer['type']>(answer: Answer, wanted: T): answer is ServerMessageOf<T> & Answer {
  return answer.type === wanted;
}
