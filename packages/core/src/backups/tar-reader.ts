import { backupDamaged } from './backup-damage.ts';
import { isZero, parseTarHeader, type TarMember, tarBlockBytes } from './tar-header.ts';

/** What is told of a tar's members, in their order. `content` is called any number of times; its bytes are good until it returns. */
export interface TarListener {
  begin(member: TarMember): void;
  content(bytes: Buffer): void;
  end(member: TarMember): void;
}

/** Reads a tar as it comes, in pieces of any size. Throws `backup_damaged` for anything that PostgreSQL does not write. */
export class TarReader {
  private readonly listener: TarListener;
  /** The beginning of a block that came in two pieces. */
  private rest: Buffer = Buffer.alloc(0);
  private member: TarMember | undefined;
  private contentLeft = 0;
  private paddingLeft = 0;
  private zeroBlocks = 0;

  constructor(listener: TarListener) {
    this.listener = listener;
  }

  take(piece: Buffer): void {
    let bytes = piece;
    while (bytes.length > 0) {
      if (this.contentLeft > 0) bytes = this.takeContent(bytes);
      else if (this.paddingLeft > 0) bytes = this.takePadding(bytes);
      else bytes = this.takeHeader(bytes);
    }
  }

  /** Nothing more comes. Throws `backup_damaged` unless the tar has its end: two blocks of zeros, and only such after them. */
  finish(): void {
    if (this.member !== undefined || this.rest.length > 0) throw backupDamaged('ends within a tar member');
    if (this.zeroBlocks < 2) throw backupDamaged('has a tar without its end');
  }

  private takeContent(bytes: Buffer): Buffer {
    const part = bytes.subarray(0, this.contentLeft);
    this.listener.content(part);
    this.contentLeft -= part.length;
    this.endIfDone();
    return bytes.subarray(part.length);
  }

  private takePadding(bytes: Buffer): Buffer {
    const part = bytes.subarray(0, this.paddingLeft);
    if (!isZero(part)) throw backupDamaged('has something between two tar members');
    this.paddingLeft -= part.length;
    this.endIfDone();
    return bytes.subarray(part.length);
  }

  private takeHeader(bytes: Buffer): Buffer {
    const missing = tarBlockBytes - this.rest.length;
    const block =
      this.rest.length === 0 ? bytes.subarray(0, missing) : Buffer.concat([this.rest, bytes.subarray(0, missing)]);
    if (block.length < tarBlockBytes) {
      this.rest = Buffer.from(block);
      return bytes.subarray(bytes.length);
    }
    this.rest = Buffer.alloc(0);
    this.begin(parseTarHeader(block));
    return bytes.subarray(missing);
  }

  private begin(member: TarMember | undefined): void {
    if (member === undefined) {
      this.zeroBlocks += 1;
      return;
    }
    if (this.zeroBlocks > 0) throw backupDamaged('has a tar that goes on after its end');
    this.member = member;
    this.contentLeft = member.sizeBytes;
    this.paddingLeft = (tarBlockBytes - (member.sizeBytes % tarBlockBytes)) % tarBlockBytes;
    this.listener.begin(member);
    this.endIfDone();
  }

  private endIfDone(): void {
    if (this.member === undefined || this.contentLeft > 0 || this.paddingLeft > 0) return;
    const { member } = this;
    this.member = undefined;
    this.listener.end(member);
  }
}
