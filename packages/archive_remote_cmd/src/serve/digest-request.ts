import { lookAtCopy } from '@archive2/core/archive/look-at-copy.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import type { ClientMessageOf, ServerMessageOf } from '@archive2/core/protocol/messages.ts';
import { parseArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import { checkRight } from './put-check.ts';
import type { ServeContext } from './serve-context.ts';

/** A client with more digests under way than this has lost count. */
const maxUnderWay = 256;
/** Reading and decoding go on beside each other with two; more would only share the disk, and hold a segment each. */
const maxAtOnce = 2;

/** Reads this host's own copies for a peer that compares: any number may be asked for at once, two are read at a time. */
export class DigestRequests {
  private readonly context: ServeContext;
  private readonly waiting: (() => void)[] = [];
  private underWay = 0;

  constructor(context: ServeContext) {
    this.context = context;
  }

  async answer({ id, name }: ClientMessageOf<'digest'>): Promise<ServerMessageOf<'digested'>> {
    checkRight(this.context.rights, ['sync'], 'compare files');
    const file = parseArchiveFileName(name);
    if (this.underWay >= maxUnderWay) throw new Failure('protocol', `more than ${maxUnderWay} digests under way`);
    this.underWay += 1;
    try {
      if (this.underWay > maxAtOnce) await new Promise<void>((resolve) => this.waiting.push(resolve));
      return { type: 'digested', id, ...(await lookAtCopy(this.context.store, file)) };
    } finally {
      this.underWay -= 1;
      this.waiting.shift()?.();
    }
  }
}
