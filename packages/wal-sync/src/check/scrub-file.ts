import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import { systemErrorCode } from '@archive2/core/base/failure.ts';
import { replaceFileDurably } from '@archive2/core/files/atomic-file.ts';
import { type ArchiveFileName, isArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import type { ScrubState } from './scrub-slice.ts';

/** What a run leaves for the next one: `state/scrub.json`. */
export interface ScrubMemory {
  /** Undefined before the first run. */
  state: ScrubState | undefined;
  /**
   * Names whose stored forms differ in size and whose contents were found equal, with both sizes ("123/456"): they are not read again
   * at each run because of it.
   */
  otherForms: Map<string, string>;
  /** Names that need a person, or could not be settled: each run looks at them again, or it would call the hosts equal. */
  unsettled: Set<ArchiveFileName>;
}

const path = (directory: ClusterDirectory) => join(directory.stateDirectory, 'scrub.json');

/** A file that cannot be understood is as good as none: the rotation begins again. */
export async function readScrubMemory(directory: ClusterDirectory): Promise<ScrubMemory> {
  return parse(await readText(directory)) ?? { state: undefined, otherForms: new Map(), unsettled: new Set() };
}

/** Durable on return; a file that says the same already is not written again. */
export async function saveScrubMemory(directory: ClusterDirectory, memory: ScrubMemory, nowMs: number): Promise<void> {
  const text = format(memory, nowMs);
  if ((await readText(directory)) === text) return;
  await mkdir(directory.stateDirectory, { recursive: true, mode: 0o700 });
  await replaceFileDurably(path(directory), text, nowMs);
}

async function readText(directory: ClusterDirectory): Promise<string> {
  try {
    return await readFile(path(directory), 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return '';
    throw error;
  }
}

function format({ state, otherForms, unsettled }: ScrubMemory, nowMs: number): string {
  const json = {
    format: 1,
    position: state?.position ?? '',
    at: new Date(state?.atMs ?? nowMs).toISOString(),
    unsettled: [...unsettled].sort(),
    otherForms: Object.fromEntries(otherForms),
  };
  return `${JSON.stringify(json)}\n`;
}

function parse(text: string): ScrubMemory | undefined {
  try {
    const { format, position, at, otherForms, unsettled } = JSON.parse(text) as Record<string, unknown>;
    const atMs = typeof at === 'string' ? Date.parse(at) : Number.NaN;
    if (format !== 1 || typeof position !== 'string' || Number.isNaN(atMs)) return undefined;
    const names = Array.isArray(unsettled) ? unsettled : [];
    return {
      state: { position, atMs },
      otherForms: new Map(Object.entries((otherForms ?? {}) as object)),
      unsettled: new Set(names.filter((name): name is ArchiveFileName => isArchiveFileName(String(name)))),
    };
  } catch {
    // Only where the rotation stands is lost.
    return undefined;
  }
}
