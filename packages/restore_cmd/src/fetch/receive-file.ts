import { basename, dirname } from 'node:path';
import { rawSizeRange } from '@archive2/core/archive/stored-file.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { decodeStored } from '@archive2/core/codec/stored-decoder.ts';
import { PartFile } from '@archive2/core/files/part-file.ts';
import type { ArchiveFile } from '@archive2/core/wal/archive-file.ts';
import { pageHeaderBytes, parsePageHeader } from '@archive2/core/wal/page-header.ts';
import { checkSegmentHeader } from '@archive2/core/wal/segment-header-check.ts';

export interface WantedFile {
  file: ArchiveFile;
  /** Where it is put, under a temporary name beside this one. */
  path: string;
  /** Decimal; undefined outside a data directory. */
  systemIdentifier: string | undefined;
}

/** A file's content under a temporary name: complete and verified. */
export interface ReceivedFile {
  part: PartFile;
  /** SHA-256 of the content, hex, as its label says; empty where nobody says. */
  rawDigest: string;
}

/**
 * Decodes a stored file beside its path, verifying it on the way: checksums, sizes, label, and that it begins as the segment of its
 * name and cluster does. Throws a Failure when it is not that; then nothing is left. The caller ends the part.
 */
export async function receiveFile(chunks: AsyncIterable<Buffer>, wanted: WantedFile): Promise<ReceivedFile> {
  const part = await PartFile.create(dirname(wanted.path), basename(wanted.path));
  try {
    const decoder = decodeStored(chunks, rawSizeRange(wanted.file, undefined), { digest: 'of_several_frames' });
    let expectedBytes: number | undefined;
    for (;;) {
      const step = await decoder.next();
      if (step.done) {
        checkSize(wanted.file, part.sizeBytes, expectedBytes);
        return { part, rawDigest: step.value.rawDigest };
      }
      if (part.sizeBytes === 0) expectedBytes = checkFirstPiece(step.value, wanted);
      await part.append(step.value);
    }
  } catch (error) {
    await part.discard();
    await part.close();
    throw error;
  }
}

function checkSize(file: ArchiveFile, sizeBytes: number, expectedBytes: number | undefined): void {
  if (expectedBytes === undefined || sizeBytes === expectedBytes) return;
  throw new Failure('damaged', `${file.name} holds ${sizeBytes} bytes, not ${expectedBytes}`);
}

/** A right-sized file of zeros, another cluster's or another segment would be replayed as the end of WAL, or worse. */
function checkFirstPiece(piece: Buffer, { file, systemIdentifier }: WantedFile): number | undefined {
  if (file.kind !== 'segment' && file.kind !== 'partial') return undefined;
  const identity = checkSegmentHeader(parsePageHeader(piece.subarray(0, pageHeaderBytes)), file);
  if (systemIdentifier !== undefined && String(identity.systemIdentifier) !== systemIdentifier) {
    throw new Failure(
      'wrong_cluster',
      `${file.name} is of cluster ${identity.systemIdentifier}, not ${systemIdentifier}`,
    );
  }
  return identity.segmentSize;
}
