import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { systemErrorCode } from '../base/failure.ts';
import { olderFile } from './event-file.ts';
import { maxLineBytes, parseEvent, type RecordedEvent } from './event-text.ts';

/** A place in a log, which also holds when the log's file gets its other name. */
export interface EventCursor {
  /** Digest of the file's first line; empty: before the first event. */
  readonly head: string;
  /** Of the next line, in bytes. */
  readonly offset: number;
}

export const beforeFirstEvent: EventCursor = { head: '', offset: 0 };

export interface EventsAfter {
  /** The oldest first. */
  events: RecordedEvent[];
  /** After the last of them. */
  cursor: EventCursor;
  /** Nothing follows now. */
  isAtEnd: boolean;
  /** The cursor's file is gone: what followed in it was not read. */
  hasGap: boolean;
}

const chunkBytes = 1024 * 1024;

/** The place after everything that a log has now. */
export async function cursorAtEnd(path: string): Promise<EventCursor> {
  const file = await openFile(path);
  if (file === undefined) return beforeFirstEvent;
  try {
    const { size } = await file.handle.stat();
    return { head: file.head, offset: size };
  } finally {
    await file.handle.close();
  }
}

/** At most `limit` events that follow a cursor. Half a line waits until it is whole. Throws the system error of a log that cannot be read. */
export async function readEventsAfter(path: string, cursor: EventCursor, limit: number): Promise<EventsAfter> {
  // The newer one first: a file that gets its other name in between is opened twice, not missed.
  const newer = await openFile(path);
  const older = await openFile(olderFile(path));
  try {
    const after: EventsAfter = { events: [], cursor, isAtEnd: true, hasGap: false };
    const isInNewer = newer !== undefined && newer.head === cursor.head;
    const isInOlder = !isInNewer && older !== undefined && older.head === cursor.head;
    after.hasGap = !isInNewer && !isInOlder && cursor.head !== '';
    if (older !== undefined && !isInNewer) await readFrom(older, isInOlder ? cursor.offset : 0, limit, after);
    if (newer !== undefined && after.isAtEnd) await readFrom(newer, isInNewer ? cursor.offset : 0, limit, after);
    return after;
  } finally {
    await newer?.handle.close();
    await older?.handle.close();
  }
}

interface OpenFile {
  handle: FileHandle;
  head: string;
}

async function openFile(path: string): Promise<OpenFile | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(maxLineBytes), 0, maxLineBytes, 0);
  const end = buffer.subarray(0, bytesRead).indexOf(0x0a);
  // A file without a whole line has nothing to be read yet.
  if (end >= 0)
    return { handle, head: createHash('sha256').update(buffer.subarray(0, end)).digest('hex').slice(0, 16) };
  await handle.close();
  return undefined;
}

/** Adds what follows `offset` to the events, and moves the cursor. */
async function readFrom({ handle, head }: OpenFile, offset: number, limit: number, after: EventsAfter): Promise<void> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(chunkBytes), 0, chunkBytes, offset);
  const bytes = buffer.subarray(0, bytesRead);
  let start = 0;
  for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
    if (after.events.length >= limit) break;
    const event = end === start ? undefined : parseEvent(bytes.toString('utf8', start, end));
    if (event !== undefined) after.events.push(event);
    start = end + 1;
  }
  // A line that fills the chunk is none of ours.
  if (start === 0 && bytesRead === chunkBytes) start = bytesRead;
  after.cursor = { head, offset: offset + start };
  after.isAtEnd = bytesRead < chunkBytes && bytes.indexOf(0x0a, start) < 0;
}
