import { mkdirSync } from 'node:fs';
import { isOursAlone } from './state-directory.ts';

/** Makes the directory (0700) if it is not there; true when it can be trusted afterwards. */
export function makeStateDirectory(path: string): boolean {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch {
    // The check below says whether there is one we can use; without one everything works, only slower.
  }
  return isOursAlone(path);
}
