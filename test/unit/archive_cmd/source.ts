import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { walSegment } from '../archive/wal-segment.ts';
import { temporaryDirectory } from '../files/temporary-directory.ts';

/** A data directory's pg_wal with these files ready to be archived. */
export interface TestWal {
  path: string;
  file(name: string): string;
  /** Writes a segment and marks it as ready. */
  add(name: string, seed?: number): string;
}

export function testWal(): TestWal {
  const path = join(temporaryDirectory(), 'pg_wal');
  mkdirSync(join(path, 'archive_status'), { recursive: true });
  const file = (name: string): string => join(path, name);
  return {
    path,
    file,
    add(name, seed = 1) {
      writeFileSync(file(name), name.endsWith('.history') ? '1\t0/1\tx\n' : walSegment(name, { seed }));
      writeFileSync(join(path, 'archive_status', `${name}.ready`), '');
      return file(name);
    },
  };
}
