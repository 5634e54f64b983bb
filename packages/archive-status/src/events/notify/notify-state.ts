import { readFile } from 'node:fs/promises';
import { systemErrorCode } from '@archive2/core/base/failure.ts';
import { replaceFileDurably } from '@archive2/core/files/atomic-file.ts';
import type { EventCursor } from '@archive2/core/files/event-cursor.ts';

/** How far a notifier has come in each log, by path; and how often in a row its command has failed for what follows. */
export interface NotifyState {
  readonly cursors: ReadonlyMap<string, EventCursor>;
  readonly failures: number;
}

const version = 1;

/** Undefined at the very first start. One that cannot be read is as none: what is to come is told, not all that ever was. */
export async function readNotifyState(path: string): Promise<NotifyState | undefined> {
  try {
    return parseNotifyState(await readFile(path, 'utf8'));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Durable on return: what it is past is not told again. */
export async function writeNotifyState(path: string, { cursors, failures }: NotifyState, nowMs: number): Promise<void> {
  const text = JSON.stringify({ version, failures, cursors: Object.fromEntries(cursors) });
  await replaceFileDurably(path, `${text}\n`, nowMs);
}

export function parseNotifyState(text: string): NotifyState | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(value) || value['version'] !== version || !isObject(value['cursors'])) return undefined;
  const cursors = Object.entries(value['cursors']).flatMap(([path, cursor]): [string, EventCursor][] => {
    if (!isObject(cursor)) return [];
    const { head, offset } = cursor;
    return typeof head === 'string' && isCount(offset) ? [[path, { head, offset }]] : [];
  });
  return { cursors: new Map(cursors), failures: isCount(value['failures']) ? value['failures'] : 0 };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
