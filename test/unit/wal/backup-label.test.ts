import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseBackupLabel } from '../../../packages/core/src/wal/backup-label.ts';
import { formatLsn, lsnFromBytes } from '../../../packages/core/src/wal/lsn.ts';
import { segmentNameAt } from '../../../packages/core/src/wal/segment-position.ts';
import { parseSegmentSize } from '../../../packages/core/src/wal/segment-size.ts';
import { anyPosition, anySegmentSize, anyTimeline } from './arbitraries.ts';
import { failureOf } from './expect-failure.ts';

/** As PostgreSQL 15 wrote it, with segments of 16 MiB. */
const label = `START WAL LOCATION: 0/9000028 (file 000000010000000000000009)
CHECKPOINT LOCATION: 0/9000060
BACKUP METHOD: streamed
BACKUP FROM: primary
START TIME: 2026-11-21 10:07:21 UTC
LABEL: pg_basebackup base backup
START TIMELINE: 1
`;

const history = `START WAL LOCATION: 0/9000028 (file 000000010000000000000009)
STOP WAL LOCATION: 0/9000138 (file 000000010000000000000009)
CHECKPOINT LOCATION: 0/9000060
BACKUP METHOD: streamed
BACKUP FROM: primary
START TIME: 2026-11-21 10:07:21 UTC
LABEL: pg_basebackup base backup
START TIMELINE: 1
STOP TIME: 2026-11-21 10:07:22 UTC
STOP TIMELINE: 1
`;

const size = parseSegmentSize(16 * 2 ** 20);

describe('a backup label', () => {
  test('says where recovery begins', () => {
    expect(parseBackupLabel(label, size)).toEqual({
      start: { timeline: 1, lsn: 0x9000028n },
      checkpointLsn: 0x9000060n,
      stop: undefined,
    });
  });

  test('as a .backup file says where the backup is consistent, too', () => {
    expect(parseBackupLabel(history, size).stop).toEqual({ timeline: 1, lsn: 0x9000138n });
  });

  test('of a server older than 11 has its timeline in the name of the segment', () => {
    const old = label.replaceAll('00000001000000', '00000003000000').replace(/START TIMELINE.*\n/, '');
    expect(parseBackupLabel(old, size).start.timeline).toBe(3);
  });

  test('of an incremental backup has lines that older servers do not write', () => {
    const incremental = `${label}INCREMENTAL FROM LSN: 0/7000028\nINCREMENTAL FROM TLI: 1\n`;
    expect(parseBackupLabel(incremental, size).start.lsn).toBe(0x9000028n);
  });

  test('is understood whatever its position, timeline and segment size are', () => {
    fc.assert(
      fc.property(anyPosition, anyTimeline, anySegmentSize, (position, timeline, size) => {
        const lsn = lsnFromBytes(position);
        const name = segmentNameAt(timeline, position / BigInt(size), size);
        const text = `START WAL LOCATION: ${formatLsn(lsn)} (file ${name})\nCHECKPOINT LOCATION: ${formatLsn(lsn)}\n`;
        expect(parseBackupLabel(text, size).start).toEqual({ timeline, lsn });
      }),
    );
  });

  test('that was torn at any byte is refused, or still says the same', () => {
    const whole = parseBackupLabel(label, size);
    for (let length = 0; length < label.length; length += 1) {
      try {
        expect(parseBackupLabel(label.slice(0, length), size)).toEqual(whole);
        expect(label[length - 1]).toBe('\n');
      } catch (error) {
        expect(error).toMatchObject({ code: 'damaged' });
      }
    }
  });

  test.each([
    ['with segments of another size', label, 2 ** 20],
    ['whose position is not in its segment', label.replace('0/9000028', '0/8000028'), size],
    ['whose timelines differ', label.replace('TIMELINE: 1', 'TIMELINE: 2'), size],
    ['whose checkpoint lies before its start', label.replace('0/9000060', '0/9000010'), size],
    ['without a start', label.replace(/START WAL.*\n/, ''), size],
    ['with a name that is none', label.replace('000000010000000000000009)', '00000000000000000000000G)'), size],
    ['that stops before it starts', history.replace('0/9000138', '0/8000138'), size],
    ['that is an executable', '\x7fELF\0\0\0\n', size],
  ])('%s is refused', (_what, text, size) => {
    failureOf('damaged', () => parseBackupLabel(text, parseSegmentSize(size)));
  });
});
