import { type FileHandle, open } from 'node:fs/promises';
import { systemErrorCode } from '../base/failure.ts';
import { olderFile } from './event-file.ts';
import { maxLineBytes, parseEvent, type RecordedEvent } from './event-text.ts';

export interface EventQuery {
  /** At most so many, the newest. */
  newest: number;
  /** None older than this, in milliseconds since the Unix epoch. */
  sinceMs?: number;
  matches?: (event: RecordedEvent) => boolean;
}

const blockBytes = 256 * 1024;
/** Writers' clocks and the order of their lines may differ by this: a line that is older than that ends the search. */
const disorderMs = 600_000;

/**
 * The newest events of a log that are asked for, the oldest first. Reads from the end, no further back than need be. What is no event is
 * passed over. Without a log there are none; throws the system error when there is one that cannot be read.
 */
export async function readNewestEvents(path: string, query: EventQuery): Promise<RecordedEvent[]> {
  const { newest, sinceMs = Number.NEGATIVE_INFINITY, matches = () => true } = query;
  const found: RecordedEvent[] = [];
  if (newest <= 0) return found;
  for (const file of [path, olderFile(path)]) {
    for await (const line of linesBackwards(file)) {
      const event = parseEvent(line);
      if (event === undefined) continue;
      if (event.atMs < sinceMs - disorderMs) return found.toReversed();
      if (event.atMs < sinceMs || !matches(event)) continue;
      found.push(event);
      if (found.length >= newest) return found.toReversed();
    }
  }
  return found.toReversed();
}

/** The whole lines of a file, the last one first. */
async function* linesBackwards(path: string): AsyncGenerator<string> {
  const file = await openIfThere(path);
  if (file === undefined) return;
  try {
    let end = (await file.stat()).size;
    // The beginning of a line that goes on in what was read before.
    let rest: Buffer = Buffer.alloc(0);
    let isLast = true;
    while (end > 0) {
      const start = Math.max(0, end - blockBytes);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
      const bytes = Buffer.concat([buffer.subarray(0, bytesRead), rest]);
      let lineEnd = bytes.length;
      for (let at = lastNewline(bytes, lineEnd); at >= 0; at = lastNewline(bytes, lineEnd)) {
        // What follows the last newline is a line that somebody is writing.
        if (!isLast && lineEnd > at + 1) yield bytes.toString('utf8', at + 1, lineEnd);
        isLast = false;
        lineEnd = at;
      }
      rest = bytes.subarray(0, Math.min(lineEnd, maxLineBytes));
      end = start;
    }
    if (!isLast && rest.length > 0) yield rest.toString('utf8');
  } finally {
    await file.close();
  }
}

function lastNewline(bytes: Buffer, before: number): number {
  return before === 0 ? -1 : bytes.lastIndexOf(0x0a, before - 1);
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
