import { Failure } from '../base/failure.ts';
import type { ClientMessageOf } from '../protocol/messages.ts';
import type { Answer, ArchiveSession, Conversation } from './archive-session.ts';
import { ArrivingBytes } from './arriving-bytes.ts';

/** A question whose answer is `data`… and `end`. */
type Question = Omit<ClientMessageOf<'survey'>, 'id'> | Omit<ClientMessageOf<'events'>, 'id'>;

/** Asks and takes the whole answer. Throws Failure `protocol` for one of more than `maxBytes`, and the host's own. */
export async function requestBytes(session: ArchiveSession, question: Question, maxBytes: number): Promise<Buffer> {
  const { host } = session;
  const bytes = new ArrivingBytes(host);
  const conversation: Conversation = {
    receive(message: Answer, body: Buffer) {
      if (message.type === 'data') return bytes.take(body);
      if (message.type === 'end') return bytes.complete(message.sizeBytes, message.fingerprint);
      return bytes.fail(new Failure('protocol', `unexpected answer ${message.type} to ${question.type}`));
    },
    fail: (failure) => bytes.fail(failure),
  };
  const id = session.begin(conversation);
  try {
    session.send({ ...question, id });
    return await collect(bytes.chunks, maxBytes, `the answer of ${host} to ${question.type}`);
  } finally {
    session.finish(id);
  }
}

async function collect(chunks: AsyncIterable<Buffer>, maxBytes: number, what: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) throw new Failure('protocol', `${what} is larger than ${maxBytes} bytes`);
    pieces.push(chunk);
  }
  return Buffer.concat(pieces, sizeBytes);
}
