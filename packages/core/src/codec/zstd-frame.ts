import { damaged } from './damage.ts';

/** What the first bytes of a frame with content say. */
export interface DataFrameHeader {
  readonly kind: 'data';
  readonly headerBytes: number;
  /** The raw size in bytes, where the header has it; it is a claim until the frame is decompressed. */
  readonly contentSize: number | undefined;
  readonly hasChecksum: boolean;
  /** No block of the frame holds more, stored or raw. */
  readonly largestBlockBytes: number;
}

/** A frame that decompressors skip. */
export interface SkippableFrameHeader {
  readonly kind: 'skippable';
  readonly headerBytes: number;
  readonly magic: number;
  readonly payloadBytes: number;
}

export type FrameHeader = DataFrameHeader | SkippableFrameHeader;

export interface Block {
  readonly isLast: boolean;
  /** Where the next block, or the checksum, begins. */
  readonly end: number;
}

const dataMagic = 0xfd2fb528;
const skippableMagics = 0x184d2a50;
const blockHeaderBytes = 3;
const checksumBytes = 4;

/** RFC 8878, 3.1.1.2.4: a block holds at most 128 KiB, or one window if that is smaller. */
export const largestBlockBytes = 2 ** 17;

/**
 * Reads a frame's header (RFC 8878, 3.1.1.1 and 3.1.2); undefined when `bytes` ends within it, which may be known only
 * after 18 bytes. Throws `damaged` for what is no frame, or one that our encoder and the zstd program never write:
 * reserved or unused bits, a dictionary, a size beyond 2^53.
 */
export function parseFrameHeader(bytes: Buffer): FrameHeader | undefined {
  if (bytes.length < 5) return undefined;
  const magic = bytes.readUInt32LE(0);
  if ((magic & 0xfffffff0) >>> 0 === skippableMagics) {
    if (bytes.length < 8) return undefined;
    return { kind: 'skippable', headerBytes: 8, magic, payloadBytes: bytes.readUInt32LE(4) };
  }
  if (magic !== dataMagic) throw damaged('has something that is no zstd frame where one should begin');
  const descriptor = bytes.readUInt8(4);
  if ((descriptor & 0b00011000) !== 0) throw damaged('has a zstd frame with reserved bits set');
  if ((descriptor & 0b00000011) !== 0) throw damaged('has a zstd frame that needs a dictionary');
  const singleSegment = (descriptor & 0b00100000) !== 0;
  const sizeFieldBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const sizeAt = singleSegment ? 5 : 6;
  const headerBytes = sizeAt + sizeFieldBytes;
  if (bytes.length < headerBytes) return undefined;
  const contentSize = readContentSize(bytes, sizeAt, sizeFieldBytes);
  const window = singleSegment ? (contentSize ?? 0) : windowSize(bytes.readUInt8(5));
  return {
    kind: 'data',
    headerBytes,
    contentSize,
    hasChecksum: (descriptor & 0b00000100) !== 0,
    largestBlockBytes: Math.min(window, largestBlockBytes),
  };
}

function readContentSize(bytes: Buffer, at: number, fieldBytes: number): number | undefined {
  if (fieldBytes === 0) return undefined;
  if (fieldBytes === 1) return bytes.readUInt8(at);
  if (fieldBytes === 2) return bytes.readUInt16LE(at) + 256;
  if (fieldBytes === 4) return bytes.readUInt32LE(at);
  const size = bytes.readBigUInt64LE(at);
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged(`has a zstd frame that claims to hold ${size} bytes`);
  return Number(size);
}

/** RFC 8878, 3.1.1.1.2: five bits of exponent, three of mantissa. */
function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

/** The block at offset `at` of its frame; undefined when its header is not in `bytes` yet (its content need not be). */
export function readBlock(bytes: Buffer, at: number, header: DataFrameHeader): Block | undefined {
  if (bytes.length < at + blockHeaderBytes) return undefined;
  const field = bytes.readUIntLE(at, blockHeaderBytes);
  const type = (field >> 1) & 3;
  const size = field >> 3;
  if (type === 3) throw damaged('has a zstd block of a reserved type');
  if (size > header.largestBlockBytes) throw damaged(`has a zstd block of ${size} bytes, more than its frame allows`);
  // Type 1 is one byte, repeated `size` times.
  const storedBytes = type === 1 ? 1 : size;
  return { isLast: (field & 1) === 1, end: at + blockHeaderBytes + storedBytes };
}

/** How far the walk over a frame's blocks has come. */
export interface FrameWalk {
  /** Complete: the length of the frame. Else: the offset of the first block whose header was not there yet. */
  readonly offset: number;
  readonly isComplete: boolean;
  /** `bytes` must hold at least this many for the walk to go on, or for the frame to be all there. */
  readonly neededBytes: number;
}

/**
 * Walks over the blocks of a frame as far as their headers are in `bytes`; `from` is the offset where an earlier walk
 * over fewer bytes stopped. Throws `damaged`.
 */
export function walkBlocks(bytes: Buffer, header: DataFrameHeader, from: number): FrameWalk {
  let offset = from;
  for (;;) {
    const block = readBlock(bytes, offset, header);
    if (block === undefined) return { offset, isComplete: false, neededBytes: offset + blockHeaderBytes };
    offset = block.end;
    if (block.isLast) {
      const length = offset + (header.hasChecksum ? checksumBytes : 0);
      return { offset: length, isComplete: true, neededBytes: length };
    }
  }
}

/** The length of the frame that `bytes` begins with, once all of it is there; until then undefined. */
export function frameLength(bytes: Buffer): number | undefined {
  const header = parseFrameHeader(bytes);
  if (header === undefined) return undefined;
  const length = header.kind === 'skippable' ? header.headerBytes + header.payloadBytes : dataLength(bytes, header);
  return length !== undefined && length <= bytes.length ? length : undefined;
}

function dataLength(bytes: Buffer, header: DataFrameHeader): number | undefined {
  const walk = walkBlocks(bytes, header, header.headerBytes);
  return walk.isComplete ? walk.offset : undefined;
}
