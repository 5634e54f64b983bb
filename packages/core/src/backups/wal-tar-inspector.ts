import { parseArchiveFileName, type SegmentName } from '../wal/archive-file.ts';
import type { ClusterIdentity } from '../wal/cluster-identity.ts';
import { pageHeaderBytes, parsePageHeader } from '../wal/page-header.ts';
import { checkSegmentHeader } from '../wal/segment-header-check.ts';
import { backupDamaged, shownName } from './backup-damage.ts';
import type { TarMember } from './tar-header.ts';
import type { TarListener } from './tar-reader.ts';

/** Looks into pg_wal.tar: which segments it has, each of the right size and beginning with a page of this cluster and name. */
export class WalTarInspector implements TarListener {
  readonly segments = new Set<SegmentName>();
  private readonly identity: ClusterIdentity;
  private head: Buffer = Buffer.alloc(0);

  constructor(identity: ClusterIdentity) {
    this.identity = identity;
  }

  begin(): void {
    this.head = Buffer.alloc(0);
  }

  content(bytes: Buffer): void {
    const missing = pageHeaderBytes - this.head.length;
    if (missing > 0) this.head = Buffer.concat([this.head, bytes.subarray(0, missing)]);
  }

  end({ name, kind, sizeBytes }: TarMember): void {
    if (kind !== 'file' || name.startsWith('archive_status/')) return;
    try {
      const file = parseArchiveFileName(name);
      if (file.kind === 'history') return;
      if (file.kind !== 'segment') throw new Error('it is no segment');
      if (sizeBytes !== this.identity.segmentSize) throw new Error(`it has ${sizeBytes} bytes`);
      checkSegmentHeader(parsePageHeader(this.head), file, this.identity);
      this.segments.add(file.name);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw backupDamaged(`has ${shownName(name)} in pg_wal.tar, and ${why}`, error);
    }
  }
}
