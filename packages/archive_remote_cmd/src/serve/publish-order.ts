import { Failure } from '@archive2/core/base/failure.ts';
import { compareArchivalOrder } from '@archive2/core/wal/archival-order.ts';
import type { ArchiveFile } from '@archive2/core/wal/archive-file.ts';

interface Ticket {
  file: ArchiveFile;
  /** Resolves with whether the name is in the archive now. */
  done: Promise<boolean>;
  leave: (present: boolean) => void;
}

/**
 * Lets the files of one session be published in the order of their names, whatever order their bodies arrive in, so that
 * a crash leaves no hole: a file waits for every earlier one that is under way.
 */
export class PublishOrder {
  private readonly underWay = new Set<Ticket>();

  enter(file: ArchiveFile): Ticket {
    let leave: (present: boolean) => void = () => undefined;
    const done = new Promise<boolean>((resolve) => {
      leave = resolve;
    });
    const ticket: Ticket = { file, done, leave };
    this.underWay.add(ticket);
    return ticket;
  }

  /**
   * Waits until all earlier files are in the archive. Throws Failure `predecessor_failed` when one did not get there: it
   * would be missing although this one is there.
   */
  async waitForTurn(ticket: Ticket): Promise<void> {
    const earlier = [...this.underWay].filter(
      (other) => other !== ticket && compareArchivalOrder(other.file, ticket.file) < 0,
    );
    for (const other of earlier) {
      if (await other.done) continue;
      throw new Failure('predecessor_failed', `${ticket.file.name} waits for ${other.file.name}, which was not stored`);
    }
  }

  /** Ends a file's part in the order; `present` says whether the archive has its name now. */
  leave(ticket: Ticket, present: boolean): void {
    this.underWay.delete(ticket);
    ticket.leave(present);
  }
}
