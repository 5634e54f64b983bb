import { surveyHost } from '@archive2/core/backups/survey-host.ts';
import { formatHostSurvey } from '@archive2/core/backups/survey-text.ts';
import type { FrameWriter } from '@archive2/core/hosts/frame-writer.ts';
import { maxBodyBytes } from '@archive2/core/protocol/frame.ts';
import type { ClientMessageOf } from '@archive2/core/protocol/messages.ts';
import { checkRight } from './put-check.ts';
import { sendBytes } from './send-bytes.ts';
import type { ServeContext } from './serve-context.ts';

/** Sends what this host holds and how it is; no data of the cluster. */
export async function sendSurvey(
  { rights, directory, cluster, program, clock, activity }: ServeContext,
  writer: FrameWriter,
  { id }: ClientMessageOf<'survey'>,
): Promise<void> {
  checkRight(rights, ['get', 'sync', 'status'], 'survey the archive');
  const text = formatHostSurvey(await surveyHost(directory, { cluster, program, nowMs: clock.nowMs() }));
  activity.note();
  await sendBytes(writer, id, piecesOf(text));
}

function* piecesOf(text: Buffer): Generator<Buffer> {
  for (let at = 0; at < text.length; at += maxBodyBytes) yield text.subarray(at, at + maxBodyBytes);
}
