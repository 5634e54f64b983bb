import { basename, dirname } from 'node:path';
import { rawSizeRange } from '@archive2/core/archive/stored-file.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { Fingerprint } from '@archive2/core/codec/fingerprint.ts';
import { decodeStored } from '@archive2/core/codec/stored-decoder.ts';
import { PartFile } from '@archive2/core/files/part-file.ts';
import type { ArchiveFile } from '@archive2/core/wal/archive-file.ts';
import { pageHeaderBytes, parsePageHeader } from '@archive2/core/wal/page-header.ts';
import { checkSegmentHeader } from '@archive2/core/wal/segment-header-check.ts';
import type { SegmentSize } from '@archive2/core/wal/segment-size.ts';
import { PlaceFailure } from './place-failure.ts';

export interface WantedFile {
  file: ArchiveFile;
  /** Where it is put, under a temporary name beside this one. */
  path: string;
  /** Decimal; undefined outside a data directory. */
  systemIdentifier: string | undefined;
}

/** A file's content under a temporary name: complete and verified. */
export interface ReceivedFile {
  part: Pick<PartFile, 'path' | 'discard' | 'close'>;
  fingerprint: bigint;
}

/** A chunk stays as it is until so many more are asked for: another thread has the next one while it does with one. */
export const keptChunks = 3;

/** As `receiveFile`, wherever it is done. `segmentSize` is the source's, where it says so. */
export type Receive = (
  chunks: AsyncIterable<Buffer>,
  wanted: WantedFile,
  segmentSize: SegmentSize | undefined,
) => Promise<ReceivedFile>;

export interface Receiving {
  /** The source's, where it says so. */
  segmentSize?: SegmentSize | undefined;
  /** Writes keep this thread, which does nothing else. */
  isBlocking?: boolean;
}

/**
 * Decodes a stored file beside its path, verifying it on the way: checksums, sizes, label, and that it begins as the segment of its
 * name and cluster does. Throws a Failure when it is not that, and PlaceFailure when it cannot be written; then nothing is left, and
 * the source is closed: one that nobody reads would stop everything else of its session. The caller ends the part.
 */
export async function receiveFile(
  chunks: AsyncIterable<Buffer>,
  wanted: WantedFile,
  { segmentSize, isBlocking = false }: Receiving = {},
): Promise<ReceivedFile> {
  const decoder = decodeStored(chunks, rawSizeRange(wanted.file, segmentSize), {
    digest: 'of_several_frames',
    // Where no size tells that a frame is the only one, passing pieces would have to be digested.
    ...(segmentSize === undefined ? {} : { pieces: 'passing' }),
  });
  let part: PartFile | undefined;
  try {
    // Begun before the file is made: what was never begun cannot be ended.
    let step = await decoder.next();
    part = await placed(wanted, PartFile.create(dirname(wanted.path), basename(wanted.path), { isBlocking }));
    let expectedBytes: number | undefined;
    const fingerprint = new Fingerprint();
    for (; !step.done; step = await decoder.next()) {
      if (part.sizeBytes === 0) {
        expectedBytes = checkFirstPiece(step.value, wanted);
        if (expectedBytes !== undefined) part.reserve(expectedBytes);
      }
      fingerprint.update(step.value);
      await placed(wanted, part.append(step.value));
    }
    checkSize(wanted.file, part.sizeBytes, expectedBytes);
    return { part, fingerprint: fingerprint.value() };
  } catch (error) {
    // Closes the source; the error comes back.
    await decoder.throw(error).catch(() => undefined);
    await part?.discard();
    await part?.close();
    throw error;
  }
}

export const receiveHere: Receive = (chunks, wanted, segmentSize) => receiveFile(chunks, wanted, { segmentSize });

/** A write to this server's disk, whose failure is nobody else's. */
async function placed<T>({ path }: WantedFile, writing: Promise<T>): Promise<T> {
  try {
    return await writing;
  } catch (error) {
    throw PlaceFailure.of(path, error);
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
