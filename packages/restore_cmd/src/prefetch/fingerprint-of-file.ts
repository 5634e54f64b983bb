import { open } from 'node:fs/promises';
import { Fingerprint } from '@archive2/core/codec/fingerprint.ts';

const readBytes = 1024 * 1024;

/** Of a file's content; undefined when it cannot be read. */
export async function fingerprintOfFile(path: string): Promise<bigint | undefined> {
  try {
    const handle = await open(path, 'r');
    try {
      const fingerprint = new Fingerprint();
      const buffer = Buffer.allocUnsafe(readBytes);
      for (;;) {
        const { bytesRead } = await handle.read(buffer, 0, readBytes, null);
        if (bytesRead === 0) return fingerprint.value();
        fingerprint.update(buffer.subarray(0, bytesRead));
      }
    } finally {
      await handle.close();
    }
  } catch {
    // Whoever asks has it fetched again.
    return undefined;
  }
}
