import { Failure } from '../base/failure.ts';
import type { Answer, ArchiveSession, Conversation } from './archive-session.ts';
import { ArrivingBytes } from './arriving-bytes.ts';

/**
 * What a host says of its archive, as JSON (backups/survey-text.ts). Throws Failure `protocol` for one of more than `maxBytes`. For the
 * rights `get`, `sync` and `status`.
 */
export async function requestSurvey(session: ArchiveSession, maxBytes: number): Promise<Buffer> {
  const bytes = new ArrivingBytes(session.host);
  const conversation: Conversation = {
    receive(message: Answer, body: Buffer) {
      if (message.type === 'data') return bytes.take(body);
      if (message.type !== 'end')
        return bytes.fail(new Failure('protocol', `unexpected answer ${message.type} to a survey`));
      return bytes.complete(message.sizeBytes, message.sha256);
    },
    fail: (failure) => bytes.fail(failure),
  };
  const id = session.begin(conversation);
  try {
    session.send({ type: 'survey', id });
    return await collect(bytes.chunks, maxBytes, session.host);
  } finally {
    session.finish(id);
  }
}

async function collect(chunks: AsyncIterable<Buffer>, maxBytes: number, host: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) throw new Failure('protocol', `the survey of ${host} is larger than ${maxBytes} bytes`);
    pieces.push(chunk);
  }
  return Buffer.concat(pieces, sizeBytes);
}
