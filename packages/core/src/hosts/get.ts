import { Failure } from '../base/failure.ts';
import type { ClientMessageOf } from '../protocol/messages.ts';
import type { Answer, ArchiveSession, Conversation } from './archive-session.ts';
import { ArrivingBytes } from './arriving-bytes.ts';

export type GetRequest = Omit<ClientMessageOf<'get'>, 'type' | 'id'>;

/** The host's archive does not have the file. */
export interface AbsentFile {
  kind: 'absent';
  /** A later segment that builds on it and that the archive does have; not looked for when the request is a mere poll. */
  later?: string;
  /** Who accepted that this hole stays one, when and why; then there is no `later`. */
  accepted?: string;
  /** The peer for which this "no" speaks too. */
  speaksFor?: string;
}

/** A file of the archive that is on its way. */
export interface ArrivingFile {
  kind: 'found';
  /** The source file's modification time, as the host keeps it. */
  modifiedMs: number;
  /**
   * The stored bytes, each piece good for as long as was asked for; ends only after the host's size and digest were found right,
   * else throws `damaged`.
   */
  chunks: AsyncIterable<Buffer>;
}

/**
 * Asks one host for a file. Throws the Failure of a host that cannot say whether it has it. The chunks must be read to their end, or the session be closed.
 * Each chunk is good until `keptChunks` more are asked for.
 */
export async function getFile(
  session: ArchiveSession,
  request: GetRequest,
  keptChunks = 1,
): Promise<ArrivingFile | AbsentFile> {
  const arrival = new Arrival(session, keptChunks);
  const id = session.begin(arrival);
  arrival.onDone = () => session.finish(id);
  session.send({ type: 'get', id, ...request });
  return await arrival.answer;
}

class Arrival implements Conversation {
  readonly answer: Promise<ArrivingFile | AbsentFile>;
  onDone: () => void = () => undefined;
  private readonly bytes: ArrivingBytes;
  private resolve: (file: ArrivingFile | AbsentFile) => void = () => undefined;
  private reject: (failure: Failure) => void = () => undefined;

  constructor(session: ArchiveSession, keptChunks: number) {
    this.bytes = new ArrivingBytes(session.host, (chunk) => session.giveBack(chunk), keptChunks);
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  receive(message: Answer, body: Buffer): void | Promise<void> {
    switch (message.type) {
      case 'found':
        this.resolve({ kind: 'found', modifiedMs: message.modifiedMs, chunks: this.bytes.chunks });
        return;
      case 'absent':
        this.onDone();
        this.resolve({
          kind: 'absent',
          ...(message.later === undefined ? {} : { later: message.later }),
          ...(message.accepted === undefined ? {} : { accepted: message.accepted }),
          ...(message.speaksFor === undefined ? {} : { speaksFor: message.speaksFor }),
        });
        return;
      case 'data':
        return this.bytes.take(body);
      case 'end':
        this.onDone();
        this.bytes.complete(message.sizeBytes, message.fingerprint);
        return;
      case 'cleaned':
      case 'digested':
      case 'names':
      case 'pinned':
      case 'pledged':
      case 'probed':
      case 'reported':
      case 'send':
      case 'settled':
      case 'stored':
      case 'viewed':
      case 'unpledged':
        this.fail(new Failure('protocol', `unexpected answer ${message.type} to a get`));
    }
  }

  fail(failure: Failure): void {
    this.onDone();
    this.reject(failure);
    this.bytes.fail(failure);
  }
}
