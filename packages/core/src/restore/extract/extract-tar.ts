import { TarReader } from '../../backups/tar-reader.ts';
import type { StoredTar } from './check-order.ts';
import type { BackupCopy } from './extraction.ts';
import { toBackupDamage } from './extraction-failure.ts';
import { storedTarContent } from './stored-tar-content.ts';
import { type TarContents, TarExtractor } from './tar-extractor.ts';

/** At most so much is taken between two looks at what waits to be written. */
const stepBytes = 2 ** 20;

export interface TarExtraction {
  copy: BackupCopy;
  tar: StoredTar;
  contents: TarContents;
  signal: AbortSignal;
  /** Told of each stored piece. */
  onStored: (bytes: number) => void;
}

/**
 * Reads one tar from its host and makes what is in it; written, though not durable yet, on return. Throws `backup_damaged`, what the
 * source throws, and errors of the disk as they are. Nothing is under way any more then.
 */
export async function extractTar({ copy, tar, contents, signal, onStored }: TarExtraction): Promise<TarExtractor> {
  const extractor = new TarExtractor(contents);
  const reader = new TarReader(extractor);
  try {
    const stored = counted(copy.source.read(tar.file, signal), onStored);
    for await (const piece of storedTarContent(tar.file, stored)) {
      for (let at = 0; at < piece.length; at += stepBytes) {
        signal.throwIfAborted();
        reader.take(piece.subarray(at, at + stepBytes));
        await contents.writer.settle();
      }
    }
    reader.finish();
    await contents.writer.finish();
    return extractor;
  } catch (error) {
    await contents.writer.leave();
    throw toBackupDamage(error, copy, tar.file);
  }
}

async function* counted(pieces: AsyncIterable<Buffer>, onStored: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    onStored(piece.length);
    yield piece;
  }
}
