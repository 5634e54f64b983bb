import { Failure } from '../base/failure.ts';
import { frameBodies } from '../protocol/frame.ts';
import type { ClientMessageOf, ServerMessageOf } from '../protocol/messages.ts';
import type { Answer, ArchiveSession, Conversation } from './archive-session.ts';

export type PutHeader = Omit<ClientMessageOf<'put'>, 'type' | 'id'>;
export type PutSummary = Omit<ClientMessageOf<'end'>, 'type' | 'id'>;
export type PutVerdict = Omit<ServerMessageOf<'stored'>, 'type' | 'id'>;

/** A file's stored form: its content, then what is known once all of it is made. */
export interface PutBody {
  /** The content in pieces of any size, as many at a time as are there. */
  bursts(): AsyncIterable<readonly Buffer[]>;
  /** Asked for after the last burst. */
  summary(): PutSummary;
  /** Called once for each `bursts()`, when nobody looks at what it gave any more; never where the session broke off before. */
  released?(): void;
}

/** Bodies of one session are sent one after the other, so that the first one is complete, and stored, first. */
const sendingQueues = new WeakMap<ArchiveSession, Promise<void>>();

/**
 * Ships one file: with a digest in the header the host is asked first, and the body is sent only if it wants it. The
 * header leaves before this function first waits, so the host sees headers in the order of the calls. Resolves with the
 * host's verdict; throws the Failure that the host answered, or why the session ended. Safe to repeat.
 */
export async function putFile(session: ArchiveSession, header: PutHeader, body: PutBody): Promise<PutVerdict> {
  const answers = new PutAnswers();
  const id = session.begin(answers);
  try {
    session.send({ ...header, type: 'put', id });
    if (header.digest === undefined || (await answers.sendOrVerdict()) === 'send') {
      await inTurn(session, () => sendBody(session, id, body, answers));
    }
    return await answers.verdict;
  } catch (error) {
    // What the host said, or why the session ended, explains a failed send better than the send's own error.
    if (answers.settled) return await answers.verdict;
    if (session.isOpen) session.send({ type: 'abort', id });
    throw error;
  } finally {
    session.finish(id);
  }
}

async function sendBody(session: ArchiveSession, id: number, body: PutBody, answers: PutAnswers): Promise<void> {
  // Where the body comes from another sender, the next burst may take as long as it likes.
  answers.awaitsUs = true;
  try {
    for await (const burst of body.bursts()) {
      answers.awaitsUs = false;
      for (const parts of frameBodies(burst)) {
        // An early answer (a refusal after the first page) makes the rest pointless.
        if (answers.settled) return;
        session.send({ type: 'data', id }, ...parts);
        await session.waitForRoom();
      }
      answers.awaitsUs = true;
    }
  } finally {
    session.whenWritten(() => body.released?.());
  }
  answers.awaitsUs = false;
  if (!answers.settled) session.send({ ...body.summary(), type: 'end', id });
}

async function inTurn(session: ArchiveSession, work: () => Promise<void>): Promise<void> {
  const before = sendingQueues.get(session) ?? Promise.resolve();
  const mine = before.then(work);
  // The next in line goes on whatever became of this one.
  const settled = mine.catch(() => undefined);
  sendingQueues.set(session, settled);
  await mine;
}

class PutAnswers implements Conversation {
  readonly verdict: Promise<PutVerdict>;
  settled = false;
  awaitsUs = false;
  private readonly wanted: Promise<'send'>;
  private resolveVerdict: (verdict: PutVerdict) => void = () => undefined;
  private reject: (failure: Failure) => void = () => undefined;
  private want: (answer: 'send') => void = () => undefined;

  constructor() {
    this.verdict = new Promise((resolve, reject) => {
      this.resolveVerdict = resolve;
      this.reject = reject;
    });
    // The sender may still be busy with the body when the answer comes; it looks at the promise afterwards.
    this.verdict.catch(() => undefined);
    this.wanted = new Promise((resolve) => {
      this.want = resolve;
    });
  }

  async sendOrVerdict(): Promise<'send' | PutVerdict> {
    return await Promise.race([this.wanted, this.verdict]);
  }

  receive(message: Answer): void {
    if (message.type === 'send') {
      this.want('send');
    } else if (message.type === 'stored') {
      this.settled = true;
      this.resolveVerdict(message);
    } else {
      this.fail(new Failure('protocol', `unexpected answer ${message.type} to a put`));
    }
  }

  fail(failure: Failure): void {
    this.settled = true;
    this.reject(failure);
  }
}
