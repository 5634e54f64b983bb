import { open } from 'node:fs/promises';
import { systemErrorCode } from '../../base/failure.ts';
import { emptyStory, type RecoveryStory, tellLine } from './recovery-log.ts';

const pieceBytes = 64 * 1024;
/** Longer lines are statements of somebody's; only their beginning matters. */
const maxLineLength = 8192;

/** Follows a server's log file from `fromByte` on. */
export class ServerLog {
  readonly path: string;
  private offset: number;
  private rest = '';
  private told: RecoveryStory = emptyStory;

  constructor(path: string, fromByte = 0) {
    this.path = path;
    this.offset = fromByte;
  }

  /** What it has told up to the last `read`. */
  get story(): RecoveryStory {
    return this.told;
  }

  /** Reads what has been written since. A log that is not there yet tells nothing. */
  async read(): Promise<RecoveryStory> {
    const file = await openIfThere(this.path);
    if (file === undefined) return this.told;
    try {
      const piece = Buffer.alloc(pieceBytes);
      for (;;) {
        const { bytesRead } = await file.read(piece, 0, pieceBytes, this.offset);
        if (bytesRead === 0) return this.told;
        this.offset += bytesRead;
        this.take(piece.toString('latin1', 0, bytesRead));
      }
    } finally {
      await file.close();
    }
  }

  private take(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = (lines.pop() ?? '').slice(0, maxLineLength);
    for (const line of lines) this.told = tellLine(this.told, Buffer.from(line, 'latin1').toString('utf8'));
  }
}

async function openIfThere(path: string) {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
