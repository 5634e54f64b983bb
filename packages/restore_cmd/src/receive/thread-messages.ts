import { Failure, toFailure } from '@archive2/core/base/failure.ts';
import type { FailureCode } from '@archive2/core/base/failure-table.ts';
import type { SegmentSize } from '@archive2/core/wal/segment-size.ts';
import { PlaceFailure } from './place-failure.ts';
import type { WantedFile } from './receive-file.ts';

/** What is said to the receiving thread; `id` tells the files apart that arrive at the same time. */
export type ToThread =
  | { kind: 'begin'; id: number; wanted: WantedFile; segmentSize: SegmentSize | undefined }
  /** The next stored bytes, which stay as they are until they are `taken`, or the file has ended. */
  | { kind: 'chunk'; id: number; bytes: Uint8Array }
  | { kind: 'end'; id: number }
  /** The rest does not come. */
  | { kind: 'broken'; id: number; failure: SentFailure };

/** What the receiving thread says. */
export type FromThread =
  | { kind: 'taken'; id: number }
  /** It lies complete and verified at `path`, and is closed. */
  | { kind: 'received'; id: number; path: string; fingerprint: bigint }
  /** Nothing of it is left. */
  | { kind: 'failed'; id: number; failure: SentFailure };

/** A Failure as it crosses: a thread gets copies of values, without their classes. */
export type SentFailure =
  | { of: 'place'; path: string; reason: string }
  | { of: 'file'; code: FailureCode; message: string; hint: string | undefined; details: Failure['details'] };

export function sentFailure(error: unknown): SentFailure {
  const failure = toFailure(error);
  if (failure instanceof PlaceFailure) return { of: 'place', path: failure.path, reason: failure.reason };
  const { code, message, hint, details } = failure;
  return { of: 'file', code, message, hint, details };
}

export function failureSent(sent: SentFailure): Failure {
  if (sent.of === 'place') return new PlaceFailure(sent.path, sent.reason);
  const { code, message, hint, details } = sent;
  return new Failure(code, message, { details, ...(hint === undefined ? {} : { hint }) });
}
