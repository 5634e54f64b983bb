import { Failure } from '../base/failure.ts';
import { ContentDigest } from './content-digest.ts';
import { damaged } from './damage.ts';
import { detectStoredFormat, formatPrefixBytes, type StoredFormat } from './stored-format.ts';
import { StoredInput } from './stored-input.ts';
import { type DecodedContent, decodeZstd, type ZstdDecoding } from './zstd-decoder.ts';
import { usualOutputBytes } from './zstd-decompressor.ts';
import { passingFrame, wholeFrame } from './zstd-frame-content.ts';

/** The raw sizes that the file may have, in bytes, both inclusive; `expectedRawSize` in wal/ gives them. */
export interface RawSizeLimits {
  readonly maxRawSizeBytes: number;
  readonly minRawSizeBytes?: number;
}

export interface StoredSummary extends DecodedContent {
  readonly format: StoredFormat;
}

export interface DecodeOptions {
  /**
   * `always`, or only where frames could be in a wrong order: of one frame alone, which its own checksum proves, it is a third of the
   * work. Where it is not computed `rawDigest` is the label's word, or empty without one. Default `always`.
   */
  readonly digest?: 'always' | 'of_several_frames';
  /** `kept`: frame by frame, each the reader's to keep; the default. `passing`: small, good until the next one is asked for. */
  readonly pieces?: 'kept' | 'passing';
  /** Of passing pieces of a frame, all but its last; default 256 KiB. */
  readonly pieceBytes?: number;
}

/**
 * Decodes a stored file, yielding its raw content piece by piece and returning what it was. Content that was yielded is
 * only good once the generator has returned: the label comes last.
 *
 * It holds one frame and its content at a time (16 MiB each at most; 64 MiB for a frame that the zstd program made).
 * Chunks may have any size. The source is closed on every way out. Throws `damaged` for whatever is not a whole stored
 * file within the limits, and `check_failed` for the formats of older tools that are not read yet.
 */
export async function* decodeStored(
  chunks: AsyncIterable<Buffer>,
  limits: RawSizeLimits,
  options: DecodeOptions = {},
): AsyncGenerator<Buffer, StoredSummary> {
  const input = new StoredInput(chunks);
  try {
    // No archive file is this short: what is, is the rest of one.
    if (!(await input.fill(formatPrefixBytes))) throw damaged(`has ${input.bytes.length} bytes`);
    const format = detectStoredFormat(input.bytes);
    const content = yield* decodeFormat(format, input, limits, options);
    const least = limits.minRawSizeBytes ?? 0;
    if (content.rawSizeBytes < least) throw damaged(`holds ${content.rawSizeBytes} bytes, not ${least}`);
    return { format, ...content };
  } finally {
    await input.close();
  }
}

function decodeFormat(
  format: StoredFormat,
  input: StoredInput,
  limits: RawSizeLimits,
  options: DecodeOptions,
): AsyncGenerator<Buffer, DecodedContent> {
  if (format === 'zstd') return decodeZstd(input, limits.maxRawSizeBytes, zstdDecoding(options));
  if (format === 'plain') return passThrough(input, limits.maxRawSizeBytes);
  // Not `damaged`, which would have a repair replace it, and never a "not found", which would end a recovery.
  throw new Failure('check_failed', `the stored file is compressed with ${format}, which is not read yet`, {
    hint: `Decompress it in place with the ${format} program: plain files are read.`,
  });
}

function zstdDecoding({
  digest = 'always',
  pieces = 'kept',
  pieceBytes = usualOutputBytes,
}: DecodeOptions): ZstdDecoding {
  if (pieces === 'kept') {
    const of = digest === 'always' ? 'all' : 'several_pieces';
    return { frameContent: wholeFrame, digestOf: () => new ContentDigest(of) };
  }
  // The first of several pieces is gone when the second one tells that there are several.
  const isWanted = (isOnlyFrame: boolean) => digest === 'always' || !isOnlyFrame;
  return {
    frameContent: passingFrame(pieceBytes),
    digestOf: ({ isOnlyFrame }) => new ContentDigest(isWanted(isOnlyFrame) ? 'all' : 'nothing'),
  };
}

async function* passThrough(input: StoredInput, maxRawSizeBytes: number): AsyncGenerator<Buffer, DecodedContent> {
  const digest = new ContentDigest('all');
  let rawSizeBytes = 0;
  for await (const chunk of input.rest()) {
    rawSizeBytes += chunk.length;
    if (rawSizeBytes > maxRawSizeBytes) throw damaged(`holds more than ${maxRawSizeBytes} bytes`);
    digest.update(chunk);
    yield chunk;
  }
  return { rawSizeBytes, rawDigest: digest.value() ?? '', labelled: false };
}
