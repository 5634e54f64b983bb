import { onTestFinished } from 'vitest';
import { FrameWriter } from '../../../packages/core/src/hosts/frame-writer.ts';
import type { SessionChannel } from '../../../packages/core/src/hosts/session-channel.ts';
import { decodeMessage } from '../../../packages/core/src/protocol/fields.ts';
import { readFrames } from '../../../packages/core/src/protocol/frame.ts';
import {
  type ClientMessage,
  type ClientMessageOf,
  clientMessages,
  preamble,
  protocolVersion,
  type ServerMessage,
  type ServerMessageOf,
} from '../../../packages/core/src/protocol/messages.ts';
import { type End, streamPair } from './stream-pair.ts';

export interface Script {
  hello?: Partial<ServerMessageOf<'hello'>>;
  /** What the host does with a message after hello; by default nothing. */
  on?: (message: ClientMessage, host: ScriptedHost) => void;
}

/** A host that says what the test tells it to say, over the real protocol. */
export class ScriptedHost {
  readonly received: ClientMessage[] = [];
  readonly channel: SessionChannel & { stream: End };
  private readonly far: End;
  private readonly writer: FrameWriter;

  constructor(walDirectory: string, script: Script = {}, name = 'arch2') {
    const [near, far] = streamPair();
    this.far = far;
    this.writer = new FrameWriter(far);
    this.channel = { stream: near, host: name, close: () => near.destroy() };
    far.on('error', () => undefined);
    onTestFinished(() => {
      near.destroy();
      far.destroy();
    });
    this.run(walDirectory, script).catch(() => undefined);
  }

  send(message: ServerMessage, ...body: readonly Buffer[]): void {
    this.writer.send(message, ...body);
  }

  /** Bytes that are no frame. */
  sendRaw(bytes: Buffer | string): void {
    this.far.write(bytes);
  }

  /** The connection is gone, from the client's view without a word. */
  vanish(): void {
    this.far.destroy();
  }

  /** Bytes that the other side has not taken yet. */
  get pendingBytes(): number {
    return this.far.writableLength;
  }

  puts(): ClientMessageOf<'put'>[] {
    return this.received.filter((message) => message.type === 'put');
  }

  private async run(walDirectory: string, { hello, on }: Script): Promise<void> {
    this.far.write(preamble);
    for await (const { header } of readFrames(this.far)) {
      const message = decodeMessage(clientMessages, header);
      this.received.push(message);
      if (message.type === 'hello') {
        this.send({
          type: 'hello',
          version: protocolVersion,
          program: 'scripted',
          cluster: 'main',
          walDirectory,
          rights: ['put', 'get', 'sync'],
          ...hello,
        });
      } else {
        on?.(message, this);
      }
    }
  }
}

/** Answers every put with `stored` from this store when its body has ended, and asks for none by digest. */
export function storing(storeId: string, more: Partial<ServerMessageOf<'stored'>> = {}): NonNullable<Script['on']> {
  return (message, host) => {
    if (message.type === 'list') host.send({ type: 'names', id: message.id, names: [] });
    if (message.type === 'put' && message.digest !== undefined) host.send({ type: 'send', id: message.id });
    if (message.type === 'end') {
      host.send({ type: 'stored', id: message.id, outcome: 'new', storeId, peerState: 'none', ...more });
    }
  };
}
