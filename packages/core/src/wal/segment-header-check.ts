import { Failure } from '../base/failure.ts';
import type { PartialFile, SegmentFile } from './archive-file.ts';
import { type ClusterIdentity, readIdentity } from './cluster-identity.ts';
import { formatLsn } from './lsn.ts';
import type { PageHeader } from './page-header.ts';
import { segmentStartLsn } from './segment-position.ts';

/** The cluster that a segment must come from. */
export type ExpectedIdentity = Pick<ClusterIdentity, 'systemIdentifier' | 'segmentSize'>;

/** XLP_LONG_HEADER and XLP_ALL_FLAGS in PostgreSQL 18 src/include/access/xlog_internal.h. */
const longHeaderFlag = 0x0002;
const knownFlags = 0x000f;

/**
 * Proves that a segment's first page belongs to this file name and, where one is expected, to this cluster; returns
 * the identity that it carries. Throws `wrong_cluster` for another cluster's segment, `bad_page_header` for a header
 * that does not fit the name, `bad_name` for a name that the segment size does not allow.
 *
 * The page's timeline may be below the name's: the first segment after a promotion begins with the parent's WAL.
 */
export function checkSegmentHeader(
  header: PageHeader,
  file: SegmentFile | PartialFile,
  expected?: ExpectedIdentity,
): ClusterIdentity {
  checkFlags(header, file);
  const identity = readIdentity(header);
  if (expected) checkIdentity(identity, file, expected);
  checkBlockSize(header, file);
  const start = segmentStartLsn(file, identity.segmentSize);
  if (header.pageAddress !== start) {
    const found = formatLsn(header.pageAddress);
    throw new Failure(
      'bad_page_header',
      `${file.name} begins with the page at ${found}, where its name says ${formatLsn(start)}`,
      {
        hint: 'The file has the wrong name, or is a recycled segment that nothing was written to: find another copy.',
      },
    );
  }
  if (header.timeline < 1 || header.timeline > file.timeline) {
    throw new Failure(
      'bad_page_header',
      `${file.name} begins with WAL of timeline ${header.timeline}, where its name allows 1 to ${file.timeline}`,
      { hint: 'The file has the wrong name or is damaged: look for another copy of the segment.' },
    );
  }
  return identity;
}

function checkFlags(header: PageHeader, file: SegmentFile | PartialFile): void {
  const flags = header.info.toString(16).padStart(4, '0');
  if ((header.info & longHeaderFlag) === 0) {
    throw new Failure('bad_page_header', `${file.name} does not begin with a long page header (flags ${flags})`, {
      hint: 'The file does not start at a segment boundary, or is damaged: look for another copy of the segment.',
    });
  }
  // A newer PostgreSQL may have more flags; the ones we know refuse to read such a page.
  if (header.postgresMajor !== undefined && (header.info & ~knownFlags) !== 0) {
    throw new Failure('bad_page_header', `${file.name} has unknown flags in its page header (${flags})`, {
      hint: 'The file is damaged: look for another copy of the segment.',
    });
  }
}

function checkIdentity(
  found: ClusterIdentity,
  file: SegmentFile | PartialFile,
  { systemIdentifier, segmentSize }: ExpectedIdentity,
): void {
  if (found.systemIdentifier !== systemIdentifier) {
    throw new Failure(
      'wrong_cluster',
      `${file.name} belongs to the cluster with system identifier ${found.systemIdentifier}, not ${systemIdentifier}`,
      { hint: 'Each cluster needs its own archive directory; after pg_upgrade or initdb it is a new cluster.' },
    );
  }
  if (found.segmentSize !== segmentSize) {
    throw new Failure(
      'wrong_cluster',
      `${file.name} comes from a cluster with segments of ${found.segmentSize} bytes, not ${segmentSize}`,
      { hint: 'A changed segment size (pg_resetwal --wal-segsize) needs a new archive directory.' },
    );
  }
}

function checkBlockSize({ blockSize }: PageHeader, file: SegmentFile | PartialFile): void {
  if (blockSize < 1024 || blockSize > 65536 || !Number.isInteger(Math.log2(blockSize))) {
    throw new Failure('bad_page_header', `${file.name} says WAL pages of ${blockSize} bytes, not 1024 to 65536`, {
      hint: 'WAL pages are a power of two: the file is damaged, look for another copy of the segment.',
    });
  }
}
