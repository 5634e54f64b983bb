import { readNewestEvents } from '@archive2/core/files/event-reader.ts';
import { formatEvent, type RecordedEvent } from '@archive2/core/files/event-text.ts';
import type { FrameWriter } from '@archive2/core/hosts/frame-writer.ts';
import { maxBodyBytes } from '@archive2/core/protocol/frame.ts';
import type { ClientMessageOf } from '@archive2/core/protocol/messages.ts';
import { checkRight } from './put-check.ts';
import { sendBytes } from './send-bytes.ts';
import type { ServeContext } from './serve-context.ts';

/** A client that wants more reads the host's file. */
const maxEvents = 10_000;

/** Sends the newest events of this archive, the oldest first: lines, whole ones in each frame. */
export async function sendEvents(
  { rights, directory, activity }: ServeContext,
  writer: FrameWriter,
  { id, newest, sinceMs }: ClientMessageOf<'events'>,
): Promise<void> {
  checkRight(rights, ['get', 'sync', 'status'], 'read the events');
  const query = { newest: Math.min(newest, maxEvents), ...(sinceMs === undefined ? {} : { sinceMs }) };
  const events = await readNewestEvents(directory.eventsFile, query);
  activity.note();
  await sendBytes(writer, id, piecesOf(events));
}

function* piecesOf(events: readonly RecordedEvent[]): Generator<Buffer> {
  let lines: Buffer[] = [];
  let sizeBytes = 0;
  for (const event of events) {
    const line = Buffer.from(formatEvent(event));
    if (sizeBytes + line.length > maxBodyBytes) {
      yield Buffer.concat(lines);
      [lines, sizeBytes] = [[], 0];
    }
    lines.push(line);
    sizeBytes += line.length;
  }
  if (lines.length > 0) yield Buffer.concat(lines);
}
