import { Failure } from '../base/failure.ts';
import type { ClientMessageOf } from '../protocol/messages.ts';
import type { Answer, ArchiveSession } from './archive-session.ts';

/**
 * What the other archive host knows of its backups and pins, as JSON. `asked`: names of segments; of these it says which it
 * lacks. For the right `sync`.
 */
export async function requestView(session: ArchiveSession, asked: readonly string[]): Promise<Buffer> {
  const body = Buffer.from(JSON.stringify(asked));
  return await askForDocument(session, 'viewed', (id) => session.send({ type: 'view', id }, body));
}

/** A request to clean up over there. */
export type CleanupProposal = Omit<ClientMessageOf<'propose'>, 'type' | 'id'>;

/**
 * Has the other archive host clean up its own files, by its own look and this host's view (JSON). Resolves with its report, as JSON.
 * Throws the Failure by which it refuses. For the right `sync`.
 */
export async function proposeCleanup(
  session: ArchiveSession,
  proposal: CleanupProposal,
  view: Buffer,
): Promise<Buffer> {
  return await askForDocument(session, 'cleaned', (id) => session.send({ type: 'propose', id, ...proposal }, view));
}

function askForDocument(session: ArchiveSession, wanted: Answer['type'], send: (id: number) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const id = session.begin({
      receive(answer, body) {
        session.finish(id);
        if (answer.type === wanted) resolve(body);
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
