import { Failure } from '../base/failure.ts';
import type { PageHeader } from './page-header.ts';
import { parseSegmentSize, type SegmentSize } from './segment-size.ts';
import { type SystemIdentifier, systemIdentifierFromNumber } from './system-identifier.ts';

/** What a segment says about the cluster it comes from. */
export interface ClusterIdentity {
  readonly systemIdentifier: SystemIdentifier;
  readonly segmentSize: SegmentSize;
  /** Undefined for a PostgreSQL newer than this program. */
  readonly postgresMajor: number | undefined;
}

/** Throws `wrong_cluster` for an impossible segment size, `bad_page_header` when there is no system identifier. */
export function readIdentity(header: PageHeader): ClusterIdentity {
  const systemIdentifier = systemIdentifierFromNumber(header.systemIdentifier);
  if (systemIdentifier === undefined) {
    throw new Failure('bad_page_header', "the segment's page header has no system identifier", {
      hint: 'The file is damaged: look for the same segment in pg_wal or on the other archive host.',
    });
  }
  return { systemIdentifier, segmentSize: parseSegmentSize(header.segmentSize), postgresMajor: header.postgresMajor };
}
