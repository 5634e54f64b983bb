import { damaged } from './damage.ts';

/** What the last frame of a stored file of several frames says about its whole raw content. */
export interface ContentLabel {
  readonly rawSizeBytes: number;
  /** SHA-256 in lower-case hexadecimal. */
  readonly rawDigest: string;
}

/**
 * One of the sixteen magic numbers that zstd programs skip (RFC 8878, 3.1.2). Not 184D2A50, where pzstd keeps sizes,
 * nor 184D2A5E, the seek table of zstd's seekable format.
 */
export const labelMagic = 0x184d2a5a;

/** "A2L" for Archive 2's label, then the version. Another layout gets another digit, never another meaning. */
const tag = Buffer.from('A2L1', 'latin1');

export const labelPayloadBytes = 44;
const frameHeaderBytes = 8;

/**
 * The skippable frame that ends a stored segment of several frames, 52 bytes: magic and payload length (u32, little endian), then the tag
 * (4 bytes), the raw size (u64, little endian) and the SHA-256 of the raw content (32 bytes).
 */
export function formatLabelFrame(label: ContentLabel): Buffer {
  const frame = Buffer.alloc(frameHeaderBytes + labelPayloadBytes);
  frame.writeUInt32LE(labelMagic, 0);
  frame.writeUInt32LE(labelPayloadBytes, 4);
  tag.copy(frame, 8);
  frame.writeBigUInt64LE(BigInt(label.rawSizeBytes), 12);
  frame.write(label.rawDigest, 20, 'hex');
  return frame;
}

/** `payload` is what follows the frame's header; throws `damaged`. */
export function parseLabelPayload(payload: Buffer): ContentLabel {
  if (payload.length !== labelPayloadBytes || !payload.subarray(0, 4).equals(tag)) {
    throw damaged('ends with a label that this version cannot read');
  }
  const size = payload.readBigUInt64LE(4);
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged(`is labelled with ${size} bytes`);
  return { rawSizeBytes: Number(size), rawDigest: payload.toString('hex', 12) };
}
