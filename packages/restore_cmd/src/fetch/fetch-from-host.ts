import { toFailure } from '@archive2/core/base/failure.ts';
import type { ArchiveSession } from '@archive2/core/hosts/archive-session.ts';
import { hasFile } from '@archive2/core/hosts/ask.ts';
import { getFile } from '@archive2/core/hosts/get.ts';
import { isSegmentSize, type SegmentSize } from '@archive2/core/wal/segment-size.ts';
import type { HostAnswer } from '../answer.ts';
import { PlaceFailure } from '../receive/place-failure.ts';
import { keptChunks, type Receive, type ReceivedFile, receiveHere, type WantedFile } from '../receive/receive-file.ts';

export interface Wanted extends WantedFile {
  /** Whether a "no" may end a recovery: then the hosts also say what later WAL they have. */
  isDecisive: boolean;
  /** The last question found nothing anywhere: the hosts whose turn comes later say at once whether they have this one. */
  isLikelyAbsent?: boolean;
  /** Hears of a host whose copy is damaged, so that it can be told. */
  onDamaged?: (session: ArchiveSession, reason: string) => void;
  /** In this thread unless told otherwise. */
  receive?: Receive;
}

/** A file that came whole and verified, under a temporary name: one rename from being delivered. */
export interface FetchedFile extends ReceivedFile {
  /** The source file's modification time, as the archive keeps it. */
  modifiedMs: number;
}

export interface HostFetch {
  answer: HostAnswer;
  fetched?: FetchedFile;
  /** It has the file, but there is no place for it here. */
  placeFailure?: PlaceFailure;
}

/** Failures of a copy: another one may be good. */
const damageCodes: ReadonlySet<string> = new Set(['damaged', 'bad_page_header', 'wrong_cluster', 'check_failed']);

/** Of the host's archive; undefined where it does not say. */
function segmentSizeOf({ hello: { segmentSizeBytes = 0 } }: ArchiveSession): SegmentSize | undefined {
  return isSegmentSize(segmentSizeBytes) ? segmentSizeBytes : undefined;
}

/** Whether a host has the file, without its content; undefined when it cannot say, or is older than the question. Never throws. */
export async function lookAtHost(
  session: ArchiveSession,
  { file, systemIdentifier }: Wanted,
): Promise<boolean | undefined> {
  if (session.hello.looks !== true) return undefined;
  try {
    const request = systemIdentifier === undefined ? {} : { systemIdentifier };
    return await hasFile(session, { name: file.name, ...request });
  } catch {
    return undefined;
  }
}

/** Asks one host for a file. Never throws: what goes wrong is the host's answer. The caller ends the part. */
export async function fetchFromHost(session: ArchiveSession, wanted: Wanted): Promise<HostFetch> {
  try {
    const { systemIdentifier, receive = receiveHere } = wanted;
    const request = {
      name: wanted.file.name,
      ...(systemIdentifier === undefined ? {} : { systemIdentifier }),
      ...(wanted.isDecisive ? {} : { poll: true }),
    };
    const arriving = await getFile(session, request, keptChunks);
    if (arriving.kind === 'absent') {
      const { later, speaksFor, accepted } = arriving;
      return {
        answer: {
          kind: 'no',
          ...(later === undefined ? {} : { later }),
          ...(speaksFor === undefined ? {} : { speaksFor }),
          ...(accepted === undefined ? {} : { accepted }),
        },
      };
    }
    const received = await receive(arriving.chunks, wanted, segmentSizeOf(session));
    return { answer: { kind: 'delivered' }, fetched: { ...received, modifiedMs: arriving.modifiedMs } };
  } catch (error) {
    const failure = toFailure(error);
    if (damageCodes.has(failure.code)) return { answer: { kind: 'damaged', reason: failure.message } };
    const answer = { kind: 'cannot_say' as const, reason: failure.message };
    return failure instanceof PlaceFailure ? { answer, placeFailure: failure } : { answer };
  }
}
