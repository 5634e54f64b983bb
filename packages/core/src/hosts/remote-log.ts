import type { Readable } from 'node:stream';
import type { Log } from '../base/log.ts';

const maxLineBytes = 4096;

/** Passes the lines of a remote program's stderr on to our log; an overlong line is cut. Never fails. */
export function relayLines(stderr: Readable, host: string, log: Log): void {
  let rest = '';
  const emit = (line: string): void => {
    if (line.trim() !== '') log.info('said by the archive host', { host, line: line.slice(0, maxLineBytes) });
  };
  stderr.on('data', (piece: Buffer) => {
    const lines = (rest + piece.toString('utf8')).split('\n');
    rest = (lines.pop() ?? '').slice(0, maxLineBytes);
    for (const line of lines) emit(line);
  });
  stderr.on('end', () => emit(rest));
  stderr.on('error', () => undefined);
}
