import { damaged } from './damage.ts';
import { detectStoredFormat, formatPrefixBytes } from './stored-format.ts';
import { ZstdDecompressor } from './zstd-decompressor.ts';
import { type DataFrameHeader, largestBlockBytes, parseFrameHeader, readBlock } from './zstd-frame.ts';

/** Encoders may begin with small blocks; more than these are not looked at for a few thousand bytes. */
const mostBlocks = 8;

/** Stored bytes that are always enough for peekRaw to answer where it can: a frame header and eight full blocks. */
export const peekPrefixBytes = 18 + mostBlocks * (3 + largestBlockBytes);

/**
 * The first `wantBytes` of raw content (1 to 8192; fewer only when the first frame has fewer), from the beginning of a
 * stored file; undefined when `storedPrefix` does not hold them. Only a look: nothing here proves that the file is
 * good, and a bit flipped in the first block may go unseen.
 *
 * Synchronous. Costs one block as a rule, at most 1.1 MiB of output, whatever the file's size. Throws `damaged` for
 * what is no stored file; for a format that is not read yet the answer is undefined.
 */
export function peekRaw(storedPrefix: Buffer, wantBytes: number): Buffer | undefined {
  if (wantBytes < 1 || wantBytes > 8192) throw new RangeError(`a peek is 1 to 8192 bytes, not ${wantBytes}`);
  if (storedPrefix.length < formatPrefixBytes) return undefined;
  const format = detectStoredFormat(storedPrefix);
  if (format === 'zstd') return peekZstd(storedPrefix, wantBytes);
  if (format !== 'plain' || storedPrefix.length < wantBytes) return undefined;
  return storedPrefix.subarray(0, wantBytes);
}

function peekZstd(prefix: Buffer, wantBytes: number): Buffer | undefined {
  const header = parseFrameHeader(prefix);
  if (header === undefined) return undefined;
  if (header.kind === 'skippable') throw damaged('begins with a label');
  const want = Math.min(wantBytes, header.contentSize ?? wantBytes);
  const lastBlocks = completeBlocks(prefix, header);
  const [first] = lastBlocks;
  if (first === undefined) return undefined;
  const raw = decompressBlocks(prefix.subarray(header.headerBytes, first.end), first.isLast, want);
  if (raw.length >= want) return raw;
  const last = lastBlocks.at(-1) ?? first;
  const more = decompressBlocks(prefix.subarray(header.headerBytes, last.end), last.isLast, want);
  if (more.length >= want) return more;
  if (last.isLast) throw damaged('has a zstd frame that holds less than it claims');
  return undefined;
}

interface CompleteBlock {
  readonly start: number;
  readonly end: number;
  readonly isLast: boolean;
}

function completeBlocks(prefix: Buffer, header: DataFrameHeader): CompleteBlock[] {
  const blocks: CompleteBlock[] = [];
  let start = header.headerBytes;
  while (blocks.length < mostBlocks) {
    const block = readBlock(prefix, start, header);
    if (block === undefined || block.end > prefix.length) break;
    blocks.push({ start, ...block });
    if (block.isLast) break;
    start = block.end;
  }
  return blocks;
}

/**
 * Magic, a descriptor without content size and checksum, and a window of 1 MiB: eight blocks. Blocks refer to what is
 * before them in their frame only, so the first ones of any frame are a whole frame once an empty last one follows.
 */
const shortFrameHeader = Buffer.from('28b52ffd0050', 'hex');
const emptyLastBlock = Buffer.from('010000', 'hex');

/** Making one costs as much as ten looks. */
let decompressor: ZstdDecompressor | undefined;

/** The first `want` bytes of what the blocks hold, fewer when they hold fewer. */
function decompressBlocks(blocks: Buffer, isLast: boolean, want: number): Buffer {
  const engine = decompressor ?? new ZstdDecompressor(largestBlockBytes);
  decompressor = undefined;
  try {
    const raw = Buffer.alloc(want);
    let filledBytes = 0;
    for (const part of isLast ? [shortFrameHeader, blocks] : [shortFrameHeader, blocks, emptyLastBlock]) {
      for (const piece of engine.take(part)) filledBytes += piece.copy(raw, filledBytes);
    }
    decompressor = engine;
    return raw.subarray(0, filledBytes);
  } finally {
    // One that has met damage is of no more use.
    if (decompressor === undefined) engine.close();
  }
}
