import { Failure } from '../base/failure.ts';
import { escapeControls } from '../base/log.ts';
import { preamble } from './messages.ts';

/** How much a login shell may print before the session starts. */
const maxNoiseBytes = 64 * 1024;
const marker = Buffer.from(preamble);

/**
 * Passes on what comes after the server's preamble and drops what a login shell printed before it, which `onNoise` hears
 * of. Throws Failure `protocol` when the input ends, or 64 KiB have gone by, without one.
 */
export async function* afterPreamble(
  input: AsyncIterable<Buffer>,
  onNoise: (noise: string) => void,
): AsyncGenerator<Buffer> {
  let seen: Buffer | undefined = Buffer.alloc(0);
  for await (const piece of input) {
    if (seen === undefined) {
      yield piece;
      continue;
    }
    seen = Buffer.concat([seen, piece]);
    const start = seen.indexOf(marker);
    if (start >= 0) {
      if (start > 0) onNoise(printable(seen.subarray(0, start)));
      const rest = seen.subarray(start + marker.length);
      seen = undefined;
      if (rest.length > 0) yield rest;
    } else if (seen.length > maxNoiseBytes) {
      throw noSession(seen);
    }
  }
  if (seen !== undefined) throw noSession(seen);
}

function noSession(seen: Buffer): Failure {
  const said = seen.length === 0 ? 'it said nothing' : `it said: ${printable(seen)}`;
  return new Failure('protocol', `the host did not start a session (${said})`, {
    hint: 'Check that archive_remote_cmd is installed there and that the key may run it; see "archive_cmd check".',
  });
}

function printable(bytes: Buffer): string {
  return escapeControls(bytes.subarray(0, 200).toString('utf8').trim());
}
