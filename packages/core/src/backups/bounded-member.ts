import { backupDamaged, shownName } from './backup-damage.ts';

/** The content of a small file in a tar, kept in memory. Throws `backup_damaged` beyond `maxBytes`. */
export class BoundedMember {
  private readonly parts: Buffer[] = [];
  private readonly name: string;
  private left: number;

  constructor(name: string, maxBytes: number) {
    this.name = name;
    this.left = maxBytes;
  }

  take(bytes: Buffer): void {
    this.left -= bytes.length;
    if (this.left < 0) throw backupDamaged(`has a file ${shownName(this.name)} that is too large to be one`);
    this.parts.push(Buffer.from(bytes));
  }

  content(): Buffer {
    return Buffer.concat(this.parts);
  }
}
