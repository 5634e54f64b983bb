import { Failure } from '@archive2/core/base/failure.ts';
import { compareArchivalOrder } from '@archive2/core/wal/archival-order.ts';
import type { ArchiveFile } from '@archive2/core/wal/archive-file.ts';

interface Ticket {
  file: ArchiveFile;
  /** Earlier files that were under way beside this one and did not get into the archive. */
  lost: Set<string>;
  /** Resolves when the file has left the order, in whatever way. */
  left: Promise<void>;
  leave: () => void;
}

/**
 * Lets the files of one session be published in the order of their names, whatever order their bodies arrive in, so that
 * a crash leaves no hole: a file waits for every earlier one that is under way.
 */
export class PublishOrder {
  private readonly underWay = new Set<Ticket>();

  enter(file: ArchiveFile): Ticket {
    let leave: () => void = () => undefined;
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const ticket: Ticket = { file, lost: new Set(), left, leave };
    this.underWay.add(ticket);
    return ticket;
  }

  /**
   * Waits until all earlier files are in the archive. Throws Failure `predecessor_failed` when one that was under way
   * beside this one did not get there: it would be missing although this one is there.
   */
  async waitForTurn(ticket: Ticket): Promise<void> {
    for (;;) {
      const [lost] = ticket.lost;
      if (lost !== undefined) {
        throw new Failure('predecessor_failed', `${ticket.file.name} comes after ${lost}, which was not stored`);
      }
      const earlier = [...this.underWay].find((other) => isBefore(other, ticket));
      if (earlier === undefined) return;
      await earlier.left;
    }
  }

  /** Ends a file's part in the order; `present` says whether the archive has its name now. Only the first call counts. */
  leave(ticket: Ticket, present: boolean): void {
    if (!this.underWay.delete(ticket)) return;
    // A body may still be on its way, or being fsynced, when an earlier file fails: it hears of it when its turn comes.
    for (const later of this.underWay) {
      if (!isBefore(ticket, later)) continue;
      if (present) later.lost.delete(ticket.file.name);
      else later.lost.add(ticket.file.name);
    }
    ticket.leave();
  }
}

function isBefore(a: Ticket, b: Ticket): boolean {
  return compareArchivalOrder(a.file, b.file) < 0;
}
