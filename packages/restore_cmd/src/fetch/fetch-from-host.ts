import { basename, dirname } from 'node:path';
import { rawSizeRange } from '@archive2/core/archive/stored-file.ts';
import { Failure, toFailure } from '@archive2/core/base/failure.ts';
import { decodeStored } from '@archive2/core/codec/stored-decoder.ts';
import { PartFile } from '@archive2/core/files/part-file.ts';
import type { ArchiveSession } from '@archive2/core/hosts/archive-session.ts';
import { type ArrivingFile, getFile } from '@archive2/core/hosts/get.ts';
import type { ArchiveFile } from '@archive2/core/wal/archive-file.ts';
import { pageHeaderBytes, parsePageHeader } from '@archive2/core/wal/page-header.ts';
import { checkSegmentHeader } from '@archive2/core/wal/segment-header-check.ts';
import type { HostAnswer } from '../answer.ts';

export interface Wanted {
  file: ArchiveFile;
  /** Where it is put, under a temporary name beside this one. */
  path: string;
  /** Decimal; undefined outside a data directory. */
  systemIdentifier: string | undefined;
  /** Whether a "no" may end a recovery: then the hosts also say what later WAL they have. */
  isDecisive: boolean;
  /** Hears of a host whose copy is damaged, so that it can be told. */
  onDamaged?: (session: ArchiveSession) => void;
}

/** A file that came whole and verified, under a temporary name: one rename from being delivered. */
export interface FetchedFile {
  part: PartFile;
  /** The source file's modification time, as the archive keeps it. */
  modifiedMs: number;
}

export interface HostFetch {
  answer: HostAnswer;
  fetched?: FetchedFile;
}

/** Failures of a copy: another host's may be good. */
const damageCodes = new Set(['damaged', 'bad_page_header', 'wrong_cluster', 'check_failed']);

/** Asks one host for a file. Never throws: what goes wrong is the host's answer. The caller ends the part. */
export async function fetchFromHost(session: ArchiveSession, wanted: Wanted): Promise<HostFetch> {
  try {
    const { systemIdentifier } = wanted;
    const arriving = await getFile(session, {
      name: wanted.file.name,
      ...(systemIdentifier === undefined ? {} : { systemIdentifier }),
      ...(wanted.isDecisive ? {} : { poll: true }),
    });
    if (arriving.kind === 'absent') {
      return { answer: arriving.later === undefined ? { kind: 'no' } : { kind: 'no', later: arriving.later } };
    }
    const part = await receive(arriving, wanted);
    return { answer: { kind: 'delivered' }, fetched: { part, modifiedMs: arriving.modifiedMs } };
  } catch (error) {
    const failure = toFailure(error);
    if (damageCodes.has(failure.code)) return { answer: { kind: 'damaged', reason: failure.message } };
    return { answer: { kind: 'cannot_say', reason: failure.message } };
  }
}

async function receive(arriving: ArrivingFile, wanted: Wanted): Promise<PartFile> {
  const part = await PartFile.create(dirname(wanted.path), basename(wanted.path));
  try {
    const pieces = decodeStored(arriving.chunks, rawSizeRange(wanted.file, undefined));
    let expectedBytes: number | undefined;
    for await (const piece of pieces) {
      if (part.sizeBytes === 0) expectedBytes = checkFirstPiece(piece, wanted);
      await part.append(piece);
    }
    if (expectedBytes !== undefined && part.sizeBytes !== expectedBytes) {
      throw new Failure('damaged', `${wanted.file.name} holds ${part.sizeBytes} bytes, not ${expectedBytes}`);
    }
    return part;
  } catch (error) {
    await part.discard();
    await part.close();
    throw error;
  }
}

/** A right-sized file of zeros, another cluster's or another segment would be replayed as the end of WAL, or worse. */
function checkFirstPiece(piece: Buffer, { file, systemIdentifier }: Wanted): number | undefined {
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
