import type { ContentDigest } from './content-digest.ts';
import { type ContentLabel, labelMagic, labelPayloadBytes, parseLabelPayload } from './content-label.ts';
import { damaged } from './damage.ts';
import { PIECE_SIZE } from './piece-size.ts';
import type { StoredInput } from './stored-input.ts';
import { type DataFrameHeader, type FrameHeader, parseFrameHeader, type SkippableFrameHeader } from './zstd-frame.ts';
import type { FrameContent } from './zstd-frame-content.ts';

/** The most raw content in the one frame of a file that the zstd program made: it is in memory as a whole. */
const largestForeignFrameBytes = 64 * 2 ** 20;

/** What a file turned out to hold. */
export interface DecodedContent {
  readonly rawSizeBytes: number;
  /** SHA-256 of the raw content in lower-case hexadecimal: computed here, whatever a label says, unless nobody wanted it. */
  readonly rawDigest: string;
  /** True when the file has our label and it agrees. */
  readonly labelled: boolean;
}

export interface ZstdDecoding {
  frameContent: FrameContent;
  /** What digests the content. A frame that holds all that the file may hold is the only one. */
  digestOf: (frame: { isOnlyFrame: boolean }) => ContentDigest;
}

/**
 * Decodes the zstd form: either a single frame and nothing else, as SegmentEncoder and the zstd program make it, or frames of ours and a
 * label. Throws `damaged` for everything else.
 *
 * Whether a single frame is the whole file, its size tells, which the caller knows and this does not. `input` may hold the first bytes
 * already.
 */
export async function* decodeZstd(
  input: StoredInput,
  maxRawSizeBytes: number,
  { frameContent, digestOf }: ZstdDecoding,
): AsyncGenerator<Buffer, DecodedContent> {
  let digest: ContentDigest | undefined;
  let rawSizeBytes = 0;
  let frames = 0;
  let onlyForeign = false;
  while (!(await input.isAtEnd())) {
    const header = await readHeader(input);
    if (onlyForeign) throw damaged('goes on after a zstd frame that must be the only one');
    if (header.kind === 'skippable') {
      if (frames === 0) throw damaged('begins with a label');
      return checkLabel(await readLabel(input, header), rawSizeBytes, digest);
    }
    onlyForeign = frames === 0 && !couldBeOurs(header);
    digest ??= digestOf({ isOnlyFrame: header.contentSize === maxRawSizeBytes });
    const content = frameContent(input, header, {
      maxRawSizeBytes: Math.min(maxRawSizeBytes - rawSizeBytes, onlyForeign ? largestForeignFrameBytes : PIECE_SIZE),
      requireChecksum: !onlyForeign,
    });
    frames += 1;
    for await (const piece of content) {
      rawSizeBytes += piece.length;
      digest.update(piece);
      yield piece;
    }
  }
  if (frames > 1) throw damaged(`ends after ${frames} zstd frames without a label`);
  return { rawSizeBytes, rawDigest: digest?.value() ?? '', labelled: false };
}

function couldBeOurs(header: DataFrameHeader): boolean {
  return header.hasChecksum && header.contentSize !== undefined && header.contentSize <= PIECE_SIZE;
}

async function readHeader(input: StoredInput): Promise<FrameHeader> {
  // Byte by byte from the shortest header on: reading ahead could wait for bytes that never come, or hold what belongs
  // to the next frame.
  for (let count = 5; ; count += 1) {
    if (!(await input.fill(count))) throw damaged("ends within a zstd frame's header");
    const header = parseFrameHeader(input.bytes);
    if (header !== undefined) return header;
  }
}

async function readLabel(input: StoredInput, header: SkippableFrameHeader): Promise<ContentLabel> {
  if (header.magic !== labelMagic || header.payloadBytes !== labelPayloadBytes) {
    throw damaged('has a skippable frame that is not our label');
  }
  if (!(await input.fill(header.headerBytes + labelPayloadBytes))) throw damaged('ends within its label');
  const label = parseLabelPayload(input.bytes.subarray(header.headerBytes));
  input.discard();
  if (!(await input.isAtEnd())) throw damaged('goes on after its label');
  return label;
}

function checkLabel(label: ContentLabel, rawSizeBytes: number, digest: ContentDigest | undefined): DecodedContent {
  if (label.rawSizeBytes !== rawSizeBytes) {
    throw damaged(`holds ${rawSizeBytes} bytes, where its label says ${label.rawSizeBytes}`);
  }
  const rawDigest = digest?.value() ?? label.rawDigest;
  if (label.rawDigest !== rawDigest) {
    throw damaged(`holds content with digest ${rawDigest}, where its label says ${label.rawDigest}`);
  }
  return { rawSizeBytes, rawDigest, labelled: true };
}
