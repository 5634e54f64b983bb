import { describe, expect, test } from 'vitest';
import {
  type ArchiveFileName,
  type HistoryFile,
  parseArchiveFileName,
  type SegmentFile,
} from '../../../packages/core/src/wal/archive-file.ts';
import { type Descent, laterWal, walOfTimeline } from '../../../packages/core/src/wal/later-wal.ts';
import { parseSegmentSize } from '../../../packages/core/src/wal/segment-size.ts';
import { parseTimelineHistory } from '../../../packages/core/src/wal/timeline-history.ts';
import { parseTimelineId } from '../../../packages/core/src/wal/timeline-id.ts';

const size = parseSegmentSize(16 * 2 ** 20);
const segment = (timeline: number, position: number) =>
  `${timeline.toString(16).padStart(8, '0')}00000000${position.toString(16).padStart(8, '0')}`.toUpperCase();
const names = (...texts: string[]) => texts.map((text): ArchiveFileName => parseArchiveFileName(text).name);

function descent(timeline: number, history: string): Descent {
  const id = parseTimelineId(timeline.toString(16).padStart(8, '0').toUpperCase());
  return { timeline: id, ancestors: parseTimelineHistory(Buffer.from(history), id) };
}

function later(absent: string, present: ArchiveFileName[], ...descents: Descent[]): string | undefined {
  return laterWal(parseArchiveFileName(absent) as SegmentFile, present, descents, size);
}

describe('WAL that builds on an absent segment', () => {
  test('is the nearest later segment of the same timeline', () => {
    expect(later(segment(1, 4), names(segment(1, 3), segment(1, 9), segment(1, 6)))).toBe(segment(1, 6));
  });

  test('is not an earlier segment, a partial one, a history or a backup file', () => {
    const present = names(
      segment(1, 3),
      `${segment(1, 5)}.partial`,
      '00000002.history',
      `${segment(1, 6)}.00000028.backup`,
    );
    expect(later(segment(1, 4), present)).toBeUndefined();
  });

  test('is any segment of a timeline that left this one in a later segment', () => {
    const child = descent(2, '1\t0/6000100\tno recovery target specified\n');
    expect(later(segment(1, 4), names(segment(2, 6)), child)).toBe(segment(2, 6));
    expect(later(segment(1, 5), names(segment(2, 6)), child)).toBe(segment(2, 6));
  });

  test('is nothing of a timeline that left this one within the absent segment, or before it', () => {
    const child = descent(2, '1\t0/6000100\tno recovery target specified\n');
    expect(later(segment(1, 6), names(segment(2, 6), segment(2, 7)), child)).toBeUndefined();
    expect(later(segment(1, 7), names(segment(2, 6), segment(2, 7)), child)).toBeUndefined();
  });

  test('counts a branch at the very beginning of a segment as after the one before it', () => {
    const child = descent(2, '1\t0/6000000\tno recovery target specified\n');
    expect(later(segment(1, 5), names(segment(2, 6)), child)).toBe(segment(2, 6));
  });

  test('is found on a grandchild, whose history lists all its ancestors', () => {
    const grandchild = descent(3, '1\t0/6000100\tpromoted\n2\t0/8000100\tpromoted\n');
    expect(later(segment(1, 4), names(segment(3, 8)), grandchild)).toBe(segment(3, 8));
    expect(later(segment(2, 7), names(segment(3, 8)), grandchild)).toBe(segment(3, 8));
    expect(later(segment(2, 8), names(segment(3, 8)), grandchild)).toBeUndefined();
  });

  test('is nothing of a timeline that has another ancestor', () => {
    const other = descent(3, '2\t0/8000100\tpromoted\n');
    expect(later(segment(1, 4), names(segment(3, 8)), other)).toBeUndefined();
  });
});

describe('WAL of a timeline whose history file is absent', () => {
  const found = (absent: string, present: ArchiveFileName[], ...descents: Descent[]) =>
    walOfTimeline(parseArchiveFileName(absent) as HistoryFile, present, descents);

  test('is its first segment', () => {
    const present = names(segment(1, 3), segment(2, 5), segment(2, 4), segment(3, 1));
    expect(found('00000002.history', present)).toBe(segment(2, 4));
  });

  test('is the first segment of a timeline that has it among its ancestors', () => {
    const grandchild = descent(3, '1\t0/6000100\tpromoted\n2\t0/8000100\tpromoted\n');
    expect(found('00000002.history', names(segment(1, 3), segment(3, 8)), grandchild)).toBe(segment(3, 8));
  });

  test('is nothing when nobody has seen the timeline', () => {
    const child = descent(2, '1\t0/6000100\tpromoted\n');
    const present = names(segment(1, 3), segment(2, 6), `${segment(3, 5)}.partial`);
    expect(found('00000003.history', present, child)).toBeUndefined();
  });

  test('is nothing for the timeline that the archive began with', () => {
    expect(found('00000005.history', names(segment(5, 3)))).toBeUndefined();
    const child = descent(6, '5\t0/6000100\tpromoted\n');
    expect(found('00000005.history', names(segment(5, 3), segment(6, 7)), child)).toBeUndefined();
  });
});
