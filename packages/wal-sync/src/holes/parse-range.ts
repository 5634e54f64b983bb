import { Failure } from '@archive2/core/base/failure.ts';
import type { Catalog } from '@archive2/core/protocol/catalog-text.ts';
import { parseArchiveFileName, type SegmentFile, type SegmentName } from '@archive2/core/wal/archive-file.ts';
import { checkPosition } from '@archive2/core/wal/segment-position.ts';
import type { SegmentSize } from '@archive2/core/wal/segment-size.ts';

/**
 * The segments of one timeline that a person names by the first and the last. Throws Failure `usage` when these are none, and when
 * one between them is stored: then it is not lost.
 */
export function parseRange(
  from: string,
  to: string,
  { stored }: Catalog,
  size: SegmentSize | undefined,
): { from: SegmentName; to: SegmentName } {
  const [first, last] = [segmentOf(from, size), segmentOf(to, size)];
  if (first.timeline !== last.timeline || first.name > last.name) {
    throw new Failure('usage', `${from} to ${to} is no range of segments of one timeline`, {
      hint: 'Name the first and the last missing segment, as wal-sync lists them.',
    });
  }
  for (const name of stored.keys()) {
    if (name.length !== first.name.length || name < first.name || name > last.name) continue;
    throw new Failure('usage', `${name} is stored here, so it is not missing`, {
      hint: 'Accept the segments before it and after it.',
    });
  }
  return { from: first.name, to: last.name };
}

function segmentOf(text: string, size: SegmentSize | undefined): SegmentFile {
  const file = parseArchiveFileName(text);
  if (file.kind !== 'segment') throw new Failure('usage', `${file.name} is not the name of a full segment`);
  if (size !== undefined) checkPosition(file, size);
  return file;
}
