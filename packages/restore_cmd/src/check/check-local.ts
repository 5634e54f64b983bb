import { readdirSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Finding, note, ok, problem } from '@archive2/core/cli/check-report.ts';
import { freeSpace } from '@archive2/core/files/free-space.ts';
import { isArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import type { SegmentSize } from '@archive2/core/wal/segment-size.ts';
import { streamingPastDelay } from '../delay/streaming-past-delay.ts';
import { localSource } from '../fetch/local-source.ts';
import type { FetchSettings } from '../options.ts';
import { windowCounts } from '../prefetch/window.ts';

const mebibyte = 2 ** 20;

/** What this machine must have for the settings: room for the buffer, the local directory, a delay that holds. */
export async function checkLocal(
  settings: FetchSettings,
  segmentSize: SegmentSize | undefined,
  stateDirectory: string,
  dataDirectory: string,
): Promise<Finding[]> {
  return [
    ...(await checkBuffer(settings, segmentSize, stateDirectory, dataDirectory)),
    ...checkLocalDirectory(settings, dataDirectory),
    ...checkDelay(settings.delayMs, dataDirectory),
  ];
}

async function checkBuffer(
  { prefetchSegments, prefetchBytes, bufferDirectory }: FetchSettings,
  segmentSize: SegmentSize | undefined,
  stateDirectory: string,
  dataDirectory: string,
): Promise<Finding[]> {
  if (segmentSize === undefined) return [];
  const { ahead, behind } = windowCounts({ segments: prefetchSegments, sizeBytes: prefetchBytes }, segmentSize);
  const sizes = `segments have ${segmentSize / mebibyte} MB`;
  if (ahead === 0) {
    const advice = 'PostgreSQL waits for each segment: give --prefetch-size room for at least one.';
    return [note(`nothing is fetched ahead: ${sizes}, --prefetch-size is ${prefetchBytes / mebibyte} MB`, advice)];
  }
  // Two are on their way to the disk while as many are held.
  const needBytes = (ahead + behind + 1) * segmentSize;
  const directory = existing(bufferDirectory === undefined ? stateDirectory : resolve(dataDirectory, bufferDirectory));
  const { freeBytes } = await freeSpace(directory);
  const what = `the buffer in ${directory} takes up to ${needBytes / mebibyte} MB (${ahead} segments ahead, ${behind} behind; ${sizes})`;
  const free = `${Math.floor(freeBytes / mebibyte)} MB are free`;
  if (freeBytes >= needBytes) return [ok(`${what}; ${free}`)];
  return [problem(`${what}; only ${free}`, 'Make room, name another --buffer-dir, or lower --prefetch-size.')];
}

/** The directory, or the nearest one above it that is there. */
function existing(path: string): string {
  return path === '/' || statSync(path, { throwIfNoEntry: false })?.isDirectory()
    ? path
    : existing(resolve(path, '..'));
}

function checkLocalDirectory(settings: FetchSettings, dataDirectory: string): Finding[] {
  const source = localSource(settings, dataDirectory);
  if (source === undefined) return [];
  const order = source.isOnly ? 'no host is asked' : 'looked at before the hosts';
  try {
    const count = readdirSync(source.directory).filter(isArchiveFileName).length;
    return [ok(`the local directory ${source.directory} has ${count} archive files; ${order}`)];
  } catch (error) {
    const advice = 'Make it readable for the user who runs PostgreSQL, or leave --local-dir out.';
    return [problem(`the local directory ${source.directory} cannot be read: ${String(error)}`, advice)];
  }
}

function checkDelay(delayMs: number, dataDirectory: string): Finding[] {
  if (delayMs === 0) return [];
  const streaming = streamingPastDelay(dataDirectory);
  return [
    ok(`a standby is kept ${delayMs / 1000} s behind; "restore_cmd delay show" says where it is`),
    ...(streaming === undefined ? [] : [problem('the delay does not hold', `${sentence(streaming)}.`)]),
  ];
}

function sentence(text: string): string {
  return `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}`;
}
