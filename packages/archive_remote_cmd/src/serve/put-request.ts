import { readClusterRecord } from '@archive2/core/archive/identity.ts';
import { type BodySummary, IncomingFile, type StoreOutcome } from '@archive2/core/archive/incoming-file.ts';
import { conflictFailure } from '@archive2/core/archive/taken-name.ts';
import { Failure, toFailure } from '@archive2/core/base/failure.ts';
import type { PutBody } from '@archive2/core/hosts/put.ts';
import type { ClientMessageOf, ServerMessageOf } from '@archive2/core/protocol/messages.ts';
import { type ArchiveFile, parseArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import { type Forwarding, type ForwardResult, forwardArriving, forwardStored } from './forwarding.ts';
import type { Patience, PeerLink } from './peer-link.ts';
import { pledgeOfPut } from './pledge-of-put.ts';
import type { PublishOrder } from './publish-order.ts';
import { checkPutAllowed } from './put-check.ts';
import type { ServeContext } from './serve-context.ts';

type Repetition = Pick<Patience, 'isRepeated'>;
type Verdict = Omit<ServerMessageOf<'stored'>, 'type' | 'id'>;

/** What the first look at a put says: it is settled already, or its body is wanted. */
export type FirstAnswer = 'send' | 'body' | Verdict;

/** One file that a client puts: from its header to the verdict. */
export class PutRequest {
  readonly id: number;
  private readonly context: ServeContext;
  private readonly peer: PeerLink | undefined;
  private readonly file: ArchiveFile;
  private readonly header: ClientMessageOf<'put'>;
  private readonly order: PublishOrder;
  private readonly ticket: ReturnType<PublishOrder['enter']>;
  private incoming: IncomingFile | undefined;
  private forwarding: Forwarding | undefined;
  private bodyEnded: ((summary: BodySummary | undefined) => void) | undefined;
  private isWhole = false;
  private isReleased = false;

  /** Enters the file into the session's order. Throws Failure for a name or a right that is refused before any I/O. */
  constructor(context: ServeContext, peer: PeerLink | undefined, order: PublishOrder, header: ClientMessageOf<'put'>) {
    this.context = context;
    this.id = header.id;
    this.header = header;
    this.file = parseArchiveFileName(header.name);
    checkPutAllowed(context.rights, header.forwarded);
    this.peer = header.forwarded ? undefined : peer;
    this.order = order;
    this.ticket = order.enter(this.file);
  }

  /** Looks at what is there. Throws Failure when the file is refused; after `send` and `body` the body is expected. */
  async begin(): Promise<FirstAnswer> {
    const { store } = this.context;
    // Refused here, a wrong cluster's body is never sent; the page header in the body is what counts.
    store.checkSystemIdentifier(this.header.systemIdentifier, `the sender of ${this.file.name}`);
    if (this.header.digest !== undefined) {
      const verdict = await this.verdictByDigest(this.header.digest);
      if (verdict !== undefined) return verdict;
    }
    // What has the name here is compared first: other content under it must not become the peer's copy.
    const isTaken = await store.has(this.file.name);
    const incoming = await IncomingFile.begin(store, this.file, this.header.modifiedMs);
    if (this.isReleased) {
      await incoming.discard();
      throw givenUp(this.file);
    }
    this.incoming = incoming;
    const peer = this.peerToTry({ isRepeated: false });
    if (peer !== undefined && !isTaken) {
      this.forwarding = forwardArriving(peer, store, this.header, this.arrivingBody(incoming));
    }
    return this.header.digest === undefined ? 'body' : 'send';
  }

  async append(piece: Buffer): Promise<void> {
    if (this.incoming === undefined)
      throw new Failure('protocol', `body for ${this.file.name}, which was not asked for`);
    await this.incoming.append(piece);
  }

  /**
   * The body is whole: make it durable, hear the peer, publish it in its turn, and see to the second copy. Resolves with the
   * verdict. The peer is heard first, so that a name it holds with other content is not taken here too.
   */
  async complete(summary: BodySummary): Promise<Verdict> {
    const { incoming } = this;
    if (incoming === undefined) throw new Failure('protocol', `end of ${this.file.name}, which was not asked for`);
    incoming.complete(summary);
    this.isWhole = true;
    this.bodyEnded?.(summary);
    incoming.part.wakeReaders();
    await this.checkAgreesWithPeer(incoming);
    await incoming.makeDurable();
    const heard = await this.hearPeer({ isRepeated: false });
    await this.order.waitForTurn(this.ticket);
    const outcome = await incoming.publish();
    this.order.leave(this.ticket, true);
    if (this.forwarding !== undefined) return await this.verdict(outcome, heard);
    const isRepeated = outcome === 'same';
    this.forwarding = this.forwardFromStore({ isRepeated });
    return await this.verdict(outcome, await this.hearPeer({ isRepeated }));
  }

  /** The client is gone. A file that is not whole never will be: those after it must not wait for it. */
  cutOff(): void {
    if (!this.isWhole) this.order.leave(this.ticket, false);
  }

  /** Ends the request's use of files and of the peer. Must be called once for each request, whatever became of it. */
  async release(): Promise<void> {
    this.isReleased = true;
    this.order.leave(this.ticket, false);
    this.bodyEnded?.(undefined);
    this.incoming?.part.wakeReaders();
    // The peer may still be reading the content; its own deadline ends that.
    if (this.forwarding !== undefined) await this.forwarding.settled;
    await this.incoming?.discard();
  }

  private async verdictByDigest(digest: string): Promise<Verdict | undefined> {
    const { store } = this.context;
    const answer = await store.compareDigest(this.file, digest);
    if (answer === 'same') {
      this.order.leave(this.ticket, true);
      this.forwarding = this.forwardFromStore({ isRepeated: true });
      return await this.verdict('same', await this.hearPeer({ isRepeated: true }));
    }
    if (answer === 'differs') {
      // A content that is kept already needs no second journey to be refused again.
      if (await store.quarantine.holds(this.file.name, digest))
        throw conflictFailure(store, this.file, digest, undefined);
      await store.quarantine.checkRoom();
    }
    return undefined;
  }

  /** The first segment makes the identity, and both hosts must make the same. */
  private async checkAgreesWithPeer(incoming: IncomingFile): Promise<void> {
    const { store, clock, peerWaitMs } = this.context;
    if (store.identity !== undefined || incoming.identity === undefined || this.peer === undefined) return;
    // Another session may have made it since this one began: then there is nothing to agree on, nor a dead peer to wait for.
    if ((await readClusterRecord(store.directory)) !== undefined) return;
    const { peer, file } = this;
    const known = peer.connected(store).then(
      (session) => session.hello,
      () => undefined,
    );
    const hello = await Promise.race([known, clock.sleep(peerWaitMs)]);
    if (hello?.systemIdentifier === undefined) return;
    if (hello.systemIdentifier === String(incoming.identity.systemIdentifier)) return;
    throw new Failure('wrong_cluster', `${file.name}: peer ${peer.name} holds cluster ${hello.systemIdentifier}`, {
      hint: 'Give this cluster a directory of its own on both archive hosts.',
    });
  }

  private forwardFromStore(file: Repetition): Forwarding | undefined {
    const peer = this.peerToTry(file);
    return peer === undefined ? undefined : forwardStored(peer, this.context.store, this.file, this.header);
  }

  private peerToTry(file: Repetition): PeerLink | undefined {
    return this.peer?.isWorthTrying(this.patience(file)) === true ? this.peer : undefined;
  }

  private patience({ isRepeated }: Repetition): Patience {
    return { peerWaitMs: this.context.peerWaitMs, isSaidAway: this.header.peerAway === true, isRepeated };
  }

  /** What the peer says of its copy within the time that a file may wait for it. Throws the Failure of a peer that refuses it. */
  private async hearPeer(file: Repetition): Promise<ForwardResult | undefined> {
    const { peer, forwarding } = this;
    if (peer === undefined || forwarding === undefined) return undefined;
    const enough = this.context.clock.sleep(peer.worthWaitingMs(this.patience(file))).then(() => undefined);
    const heard = await Promise.race([forwarding.result, enough]);
    if (heard?.kind === 'refused') throw heard.failure;
    return heard;
  }

  private async verdict(outcome: StoreOutcome, heard: ForwardResult | undefined): Promise<Verdict> {
    const { store } = this.context;
    const storeId = await store.storeId();
    // What the peer forwards is acknowledged by nobody because of this.
    if (this.header.forwarded) return { outcome, storeId, peerState: 'none' };
    const { peer, forwarding } = this;
    if (peer === undefined) return { outcome, storeId, peerState: 'none', ...(await this.pledge(heard)) };
    if (heard?.kind === 'stored') {
      await peer.debts.settle(this.file.name);
      const stored = { outcome, storeId, peerState: 'stored', peer: peer.name, peerStoreId: heard.storeId };
      return { ...stored, ...(await this.pledge(heard)) };
    }
    await peer.leaveDebt(this.file.name);
    // The transfer that was too slow to wait for may still arrive: then nothing is owed.
    forwarding?.result.then(
      (late) => (late.kind === 'stored' ? peer.debts.settle(this.file.name) : undefined),
      (error: unknown) => this.context.log.error('forwarding failed', { reason: toFailure(error).message }),
    );
    return { outcome, storeId, peerState: 'debt', peer: peer.name, ...(await this.pledge(heard)) };
  }

  /** Throws Failure `pledged` when the file, published and owed as it is, must not be acknowledged. */
  private async pledge(heard: ForwardResult | undefined): Promise<Pick<Verdict, 'pledgedWith'>> {
    const pledgedWith = await pledgeOfPut(this.context.store, this.peer, this.header.minCopies ?? 1, heard);
    return pledgedWith === undefined ? {} : { pledgedWith };
  }

  /** The body as the peer gets it: read back from our own file while it still arrives, at the peer's own pace. */
  private arrivingBody(incoming: IncomingFile): PutBody {
    let summary: BodySummary | undefined;
    let ended = false;
    const end = new Promise<void>((resolve) => {
      this.bodyEnded = (value) => {
        this.bodyEnded = undefined;
        summary = value;
        ended = true;
        resolve();
      };
    });
    const maxPieceBytes = 512 * 1024;
    return {
      async *bursts() {
        let position = 0;
        for (;;) {
          if (!ended) await Promise.race([incoming.part.waitForMore(position), end]);
          if (ended && summary === undefined) throw givenUp(incoming.file);
          if (incoming.part.sizeBytes === position) {
            if (ended) return;
            continue;
          }
          const piece = await incoming.part.read(position, maxPieceBytes);
          position += piece.length;
          yield [piece];
        }
      },
      summary() {
        if (summary === undefined) throw new Error('summary asked for before the body ended');
        return summary;
      },
    };
  }
}

function givenUp(file: ArchiveFile): Failure {
  return new Failure('source_changed', `the sender gave ${file.name} up`);
}
