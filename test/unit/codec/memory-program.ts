/**
 * Run as a program of its own by memory.test.ts, because the peak of a process cannot be reset: does what the argument
 * says and prints how many MiB its peak grew by.
 */
import { SegmentEncoder } from '../../../packages/core/src/codec/segment-encoder.ts';
import { decodeStored } from '../../../packages/core/src/codec/stored-decoder.ts';
import { walLike } from './content.ts';
import { handmadeFrame } from './handmade-frame.ts';

const mib = 2 ** 20;
const pieceCount = 32;

async function* storedSegment(): AsyncGenerator<Buffer> {
  const piece = walLike(16 * mib);
  const encoder = new SegmentEncoder(pieceCount);
  for (let i = 0; i < pieceCount; i++) {
    for await (const part of encoder.encode(piece.length, [piece])) {
      for (let at = 0; at < part.length; at += 65_536) yield part.subarray(at, at + 65_536);
    }
  }
  yield encoder.finish() ?? Buffer.alloc(0);
}

async function largeSegment(): Promise<void> {
  let sizeBytes = 0;
  const maxRawSizeBytes = pieceCount * 16 * mib;
  for await (const piece of decodeStored(storedSegment(), { maxRawSizeBytes })) sizeBytes += piece.length;
  if (sizeBytes !== maxRawSizeBytes) throw new Error(`${sizeBytes} bytes came back`);
}

async function* bomb(contentSize: number): AsyncGenerator<Buffer> {
  yield handmadeFrame({ contentSize, blocks: Array.from({ length: 16_000 }, () => 2 ** 17) });
}

async function bombOf(contentSize: number): Promise<void> {
  try {
    for await (const _piece of decodeStored(bomb(contentSize), { maxRawSizeBytes: 2 ** 30 }));
  } catch {
    return;
  }
  throw new Error('the bomb was taken for a file');
}

function peakMib(): number {
  return process.resourceUsage().maxRSS / 1024;
}

const before = peakMib();
const [what] = process.argv.slice(2);
if (what === 'segment') await largeSegment();
else await bombOf(Number(what));
console.log(Math.round(peakMib() - before));
