/** Frames that no encoder writes. A block is its raw size in bytes, all of them the same. */
export interface HandmadeFrame {
  contentSize?: number | bigint;
  blocks: number[];
  /** Four bytes of anything; undefined leaves the flag and the field out. */
  checksum?: number;
  descriptorBits?: number;
}

export function handmadeFrame({ contentSize, blocks, checksum, descriptorBits = 0 }: HandmadeFrame): Buffer {
  const sizeFlag = contentSize === undefined ? 0 : 0b11000000;
  const descriptor = sizeFlag | (checksum === undefined ? 0 : 0b100) | descriptorBits;
  const window = 7 << 3; // 128 KiB
  const size = Buffer.alloc(contentSize === undefined ? 0 : 8);
  if (contentSize !== undefined) size.writeBigUInt64LE(BigInt(contentSize));
  const end = Buffer.alloc(checksum === undefined ? 0 : 4, checksum);
  const body = blocks.map((rawSize, index) => repeatedByteBlock(rawSize, index === blocks.length - 1));
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, descriptor, window]), size, ...body, end]);
}

/** RFC 8878, 3.1.1.2: last flag, type 1, and the size that the one byte is repeated to. */
function repeatedByteBlock(rawSize: number, isLast: boolean): Buffer {
  const block = Buffer.alloc(4, 0x41);
  block.writeUIntLE((rawSize << 3) | (1 << 1) | (isLast ? 1 : 0), 0, 3);
  return block;
}

export function skippableFrame(magic: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(magic, 0);
  header.writeUInt32LE(payload.length, 4);
  return Buffer.concat([header, payload]);
}
