/**
 * The receiving thread (see ReceivingThread): takes files as they arrive, decompresses and writes them, one piece after the other. It waits
 * for the disk itself, as it has nothing else to do.
 */
import { type MessagePort, parentPort } from 'node:worker_threads';
import type { Failure } from '@archive2/core/base/failure.ts';
import { receiveFile } from './receive-file.ts';
import { type FromThread, failureSent, sentFailure, type ToThread } from './thread-messages.ts';

/** The chunks of one file, in the order in which they were sent; each is taken when the next one is asked for. */
class SentChunks implements AsyncIterable<Buffer> {
  private readonly onTaken: () => void;
  private readonly waiting: Buffer[] = [];
  private end: { failure: Failure | undefined } | undefined;
  private wake: () => void = () => undefined;

  constructor(onTaken: () => void) {
    this.onTaken = onTaken;
  }

  push(bytes: Uint8Array): void {
    this.waiting.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    this.wake();
  }

  finish(failure?: Failure): void {
    this.end = { failure };
    this.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      const chunk = this.waiting.shift();
      if (chunk !== undefined) {
        yield chunk;
        this.onTaken();
      } else if (this.end?.failure !== undefined) {
        throw this.end.failure;
      } else if (this.end !== undefined) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    }
  }
}

function serve(port: MessagePort): void {
  const files = new Map<number, SentChunks>();
  const say = (message: FromThread) => port.postMessage(message);
  port.on('message', (message: ToThread) => {
    const { id } = message;
    switch (message.kind) {
      case 'begin': {
        const chunks = new SentChunks(() => say({ kind: 'taken', id }));
        files.set(id, chunks);
        const finish = (said: FromThread) => {
          files.delete(id);
          say(said);
        };
        receive(message, chunks).then(finish, (error) => finish({ kind: 'failed', id, failure: sentFailure(error) }));
        return;
      }
      case 'chunk':
        files.get(id)?.push(message.bytes);
        return;
      case 'end':
        files.get(id)?.finish();
        return;
      case 'broken':
        files.get(id)?.finish(failureSent(message.failure));
    }
  });
}

async function receive(
  { id, wanted, segmentSize }: ToThread & { kind: 'begin' },
  chunks: SentChunks,
): Promise<FromThread> {
  const { part, fingerprint } = await receiveFile(chunks, wanted, { segmentSize, isBlocking: true });
  await part.close();
  return { kind: 'received', id, path: part.path, fingerprint };
}

if (parentPort !== null) serve(parentPort);
