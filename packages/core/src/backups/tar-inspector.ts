import { largestLabelBytes } from '../wal/backup-label.ts';
import { BoundedMember } from './bounded-member.ts';
import type { MemberBook } from './member-book.ts';
import { MemberDigest } from './member-digest.ts';
import type { TarMember } from './tar-header.ts';
import type { TarListener } from './tar-reader.ts';

/** Files of base.tar that are kept readable beside it, and how large they may be. A map has a line for each tablespace. */
const keptFiles: Readonly<Record<string, number>> = {
  backup_label: largestLabelBytes,
  tablespace_map: 2 ** 22,
  'global/pg_control': 2 ** 14,
};

export interface TarFindings {
  book: MemberBook;
  /** Is given each kept file as soon as all of it came. */
  keep: (name: string, content: Buffer) => void;
}

/**
 * Digests the files of a backup's tar into the book, as the manifest names them. `prefix` is what the manifest has before the names
 * of this tar: nothing for base.tar, "pg_tblspc/<oid>/" for that of a tablespace.
 */
export class TarInspector implements TarListener {
  private readonly findings: TarFindings;
  private readonly prefix: string;
  private digest: MemberDigest | undefined;
  private kept: BoundedMember | undefined;

  constructor(findings: TarFindings, prefix: string) {
    this.findings = findings;
    this.prefix = prefix;
  }

  begin({ name, kind }: TarMember): void {
    const path = this.prefix + name;
    const isListed = kind === 'file' && !isUnlisted(path);
    this.digest = isListed ? new MemberDigest(this.findings.book.algorithm) : undefined;
    const maxBytes = kind === 'file' && Object.hasOwn(keptFiles, path) ? keptFiles[path] : undefined;
    this.kept = maxBytes === undefined ? undefined : new BoundedMember(path, maxBytes);
  }

  content(bytes: Buffer): void {
    this.digest?.update(bytes);
    this.kept?.take(bytes);
  }

  end({ name, sizeBytes }: TarMember): void {
    const path = this.prefix + name;
    if (this.digest !== undefined) this.findings.book.add(path, sizeBytes, this.digest.value());
    if (this.kept !== undefined) this.findings.keep(path, this.kept.content());
  }
}

/** WAL is in no manifest: its pages have checksums of their own, and its segments are in the archive. */
function isUnlisted(path: string): boolean {
  return path.startsWith('pg_wal/');
}
