import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

const readBytes = 1024 * 1024;

/** SHA-256 of a file's content, hex; undefined when it cannot be read. */
export async function digestOfFile(path: string): Promise<string | undefined> {
  try {
    const handle = await open(path, 'r');
    try {
      const hash = createHash('sha256');
      const buffer = Buffer.allocUnsafe(readBytes);
      for (;;) {
        const { bytesRead } = await handle.read(buffer, 0, readBytes, null);
        if (bytesRead === 0) return hash.digest('hex');
        hash.update(buffer.subarray(0, bytesRead));
      }
    } finally {
      await handle.close();
    }
  } catch {
    // Whoever asks has it fetched again.
    return undefined;
  }
}
