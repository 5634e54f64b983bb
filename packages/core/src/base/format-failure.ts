import type { Failure } from './failure.ts';
import { escapeControls, formatLogLine } from './log.ts';

/** A failure for a person: one line with what happened, one with what to do. Ends with a newline. */
export function formatFailure(failure: Failure): string {
  const { sent: _sent, ...details } = failure.details;
  const text = `${formatLogLine('error', failure.message, { code: failure.code, ...details })}\n`;
  return failure.hint === undefined ? text : `${text}HINT: ${escapeControls(failure.hint)}\n`;
}
