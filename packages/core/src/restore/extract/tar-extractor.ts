import { backupDamaged, shownName } from '../../backups/backup-damage.ts';
import { BoundedMember } from '../../backups/bounded-member.ts';
import { MemberDigest } from '../../backups/member-digest.ts';
import type { TarMember } from '../../backups/tar-header.ts';
import type { TarListener } from '../../backups/tar-reader.ts';
import { WalTarInspector } from '../../backups/wal-tar-inspector.ts';
import type { ClusterIdentity } from '../../wal/cluster-identity.ts';
import { serverFiles } from './clean-interrupted.ts';
import type { FileWriter } from './file-writer.ts';
import type { ManifestBook } from './manifest-book.ts';
import { oidPattern, type Tablespaces } from './tablespace-map.ts';
import type { TargetTree } from './target-tree.ts';

/** A line for each tablespace. */
const largestMapBytes = 2 ** 22;

export interface TarContents {
  tree: TargetTree;
  /** What stands before the tar's names in the tree: "pg_wal/" for pg_wal.tar. */
  treePrefix: string;
  /** What stands before them in the manifest: that, or "pg_tblspc/<oid>/". */
  manifestPrefix: string;
  writer: FileWriter;
  /** Undefined for a backup without a manifest. */
  book: ManifestBook | undefined;
  tablespaces: Tablespaces;
  identity: ClusterIdentity;
  onFile: () => void;
}

/**
 * Makes the members of one tar in the target, and checks each against the manifest as it comes. Throws `backup_damaged` for whatever
 * does not belong there. Of links only those of tablespaces are made, to where the restore puts them; a tablespace_map is checked and
 * not written.
 */
export class TarExtractor implements TarListener {
  /** What the segments in pg_wal are. */
  readonly wal: WalTarInspector;
  private readonly contents: TarContents;
  private member: Receiver | undefined;

  constructor(contents: TarContents) {
    this.contents = contents;
    this.wal = new WalTarInspector(contents.identity);
  }

  begin({ name, kind, sizeBytes }: TarMember): void {
    const { tree, treePrefix, manifestPrefix } = this.contents;
    const placed = treePrefix + name;
    if (kind === 'directory') tree.makeDirectory(placed);
    else if (kind === 'link') this.makeLink(placed);
    else this.member = this.receive(manifestPrefix + name, placed, sizeBytes);
  }

  content(bytes: Buffer): void {
    this.member?.content(bytes);
  }

  end(member: TarMember): void {
    if (member.kind !== 'file') return;
    this.member?.end(member);
    this.member = undefined;
    this.contents.onFile();
  }

  private makeLink(placed: string): void {
    const { tree, tablespaces, manifestPrefix } = this.contents;
    const [, directory, oid = ''] = /^(pg_tblspc)\/([^/]+)$/.exec(placed) ?? [];
    const place = tablespaces.get(oid);
    if (manifestPrefix !== '' || directory === undefined || !oidPattern.test(oid) || place === undefined) {
      throw backupDamaged(`has ${shownName(placed)}, a link that is not to a tablespace of it`);
    }
    tree.makeLink(placed, place);
  }

  private receive(path: string, placed: string, sizeBytes: number): Receiver {
    if (path.startsWith('pg_wal/')) return this.receiveWal(path, placed, sizeBytes);
    if (serverFiles.includes(path)) throw backupDamaged(`has ${shownName(path)}, which only a running server has`);
    const { book, writer, tree } = this.contents;
    const index = book?.strikeOff(path, sizeBytes);
    const digest = book === undefined ? undefined : new MemberDigest(book.algorithm);
    // The old places do not reach the target: there is one of our own.
    const map = path === 'tablespace_map' ? new BoundedMember(path, largestMapBytes) : undefined;
    if (map === undefined) writer.begin(path, tree.wayToFile(placed));
    return {
      content: (bytes) => {
        digest?.update(bytes);
        if (map === undefined) writer.content(bytes);
        else map.take(bytes);
      },
      end: () => {
        if (book !== undefined && index !== undefined && digest !== undefined) book.settle(index, path, digest.value());
        if (map === undefined) writer.end();
      },
    };
  }

  /** WAL is in no manifest: its pages have checksums of their own, and its segments are in the archive. */
  private receiveWal(path: string, placed: string, sizeBytes: number): Receiver {
    const { writer, tree } = this.contents;
    const name = path.slice('pg_wal/'.length);
    if (name.startsWith('archive_status/') && (sizeBytes > 0 || !statusName.test(name))) {
      throw backupDamaged(`has ${shownName(path)}, which is no mark of an archived file`);
    }
    writer.begin(path, tree.wayToFile(placed));
    this.wal.begin();
    return {
      content: (bytes) => {
        this.wal.content(bytes);
        writer.content(bytes);
      },
      end: (member) => {
        this.wal.end({ ...member, name });
        writer.end();
      },
    };
  }
}

const statusName =
  /^archive_status\/[0-9A-F]{8}(\.history|[0-9A-F]{16}(\.[0-9A-F]{8}\.backup|\.partial)?)\.(done|ready)$/;

/** What takes the content of one file. */
interface Receiver {
  content(bytes: Buffer): void;
  end(member: TarMember): void;
}
