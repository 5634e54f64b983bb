import { Failure } from '../base/failure.ts';
import type { ClientMessageOf } from '../protocol/messages.ts';
import type { Answer, ArchiveSession, Conversation } from './archive-session.ts';
import { ArrivingBytes } from './arriving-bytes.ts';

/** `file` as the host's survey lists it; without `offset` from its beginning. */
export type FetchRequest = Omit<ClientMessageOf<'fetch'>, 'type' | 'id'>;

/** A file of a base backup that is on its way. */
export interface ArrivingBackupFile {
  modifiedMs: number;
  /**
   * Its stored bytes, as ArrivingBytes has them, each piece good until the next one is asked for. To be read to their end, or the session
   * be closed.
   */
  chunks: AsyncIterable<Buffer>;
}

/**
 * Asks a host for a file of a complete base backup. Throws Failure `not_found` where there is no such file or backup. For the rights
 * `get` and `sync`.
 */
export async function fetchBackupFile(session: ArchiveSession, request: FetchRequest): Promise<ArrivingBackupFile> {
  const arrival = new BackupFileArrival(session);
  const id = session.begin(arrival);
  arrival.onDone = () => session.finish(id);
  session.send({ type: 'fetch', id, ...request });
  return await arrival.answer;
}

class BackupFileArrival implements Conversation {
  readonly answer: Promise<ArrivingBackupFile>;
  onDone: () => void = () => undefined;
  private readonly bytes: ArrivingBytes;
  private resolve: (file: ArrivingBackupFile) => void = () => undefined;
  private reject: (failure: Failure) => void = () => undefined;

  constructor(session: ArchiveSession) {
    this.bytes = new ArrivingBytes(session.host, (chunk) => session.giveBack(chunk));
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  receive(message: Answer, body: Buffer): void | Promise<void> {
    if (message.type === 'found') {
      this.resolve({ modifiedMs: message.modifiedMs, chunks: this.bytes.chunks });
    } else if (message.type === 'data') {
      return this.bytes.take(body);
    } else if (message.type === 'end') {
      this.onDone();
      this.bytes.complete(message.sizeBytes, message.fingerprint);
    } else {
      this.fail(new Failure('protocol', `unexpected answer ${message.type} to a fetch`));
    }
  }

  fail(failure: Failure): void {
    this.onDone();
    this.reject(failure);
    this.bytes.fail(failure);
  }
}
