import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import { Failure } from '../base/failure.ts';
import { decompressStream } from '../codec/zstd-stream.ts';
import { type Following, followFile } from '../files/follow-file.ts';
import { backupDamaged } from './backup-damage.ts';
import { TarCompressor } from './tar-compressor.ts';
import { type TarListener, TarReader } from './tar-reader.ts';
import { WriteBehind } from './write-behind.ts';

export interface TarInspection extends Following {
  /** The file that is being written; `.zst` at its end says that it is compressed. */
  path: string;
  listener: TarListener;
  /** Of a plain tar: also make a compressed copy, at `path` with `.zst`. */
  compress: boolean;
}

/** Reads a tar to its end while another process writes it; it is durable on return. Throws `backup_damaged`. */
export async function inspectTar(inspection: TarInspection): Promise<void> {
  const { path, listener, compress } = inspection;
  const handle = await open(path, 'r');
  const compressor = compress ? await TarCompressor.create(`${path}.zst`) : undefined;
  const behind = new WriteBehind(handle);
  let isDone = false;
  try {
    const reader = new TarReader(listener);
    const stored = noted(handle, inspection, behind);
    for await (const piece of path.endsWith('.zst') ? decompressStream(stored) : stored) {
      reader.take(piece);
      await compressor?.write(piece);
    }
    reader.finish();
    await compressor?.finish();
    // A plain tar that has a compressed copy now is removed: it need not be durable.
    if (!compress) await behind.finish();
    isDone = true;
  } catch (error) {
    if (!(error instanceof Failure && error.code === 'damaged')) throw error;
    throw backupDamaged(`has a ${basename(path)} that is not whole: ${error.message}`, error);
  } finally {
    if (!isDone) await compressor?.abandon();
    await behind.abandon();
    await handle.close();
  }
}

async function* noted(handle: FileHandle, following: Following & { compress: boolean }, behind: WriteBehind) {
  for await (const piece of followFile(handle, following)) {
    if (!following.compress) behind.note(piece.length);
    yield piece;
  }
}
