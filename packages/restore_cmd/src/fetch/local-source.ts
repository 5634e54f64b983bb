import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { FetchSettings } from '../options.ts';
import type { LocalSource } from './fetch-locally.ts';

/** Where the old scripts have operators put segments by hand. */
const usualDirectory = '/var/local/WALs';

/** The local directory that applies; undefined when none is named and the usual one is not there. */
export function localSource(
  { localDirectory, onlyLocal }: Pick<FetchSettings, 'localDirectory' | 'onlyLocal'>,
  workingDirectory: string,
): LocalSource | undefined {
  const isUsed = localDirectory !== undefined || onlyLocal || isDirectory(usualDirectory);
  if (!isUsed) return undefined;
  return { directory: resolve(workingDirectory, localDirectory ?? usualDirectory), isOnly: onlyLocal };
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
