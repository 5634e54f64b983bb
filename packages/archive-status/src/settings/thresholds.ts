import type { CommandSpec } from '@archive2/core/cli/command-spec.ts';
import { type Limits, parseAge, parseAges, parsePercents, parseRests, parseSizes } from './limits.ts';

/** From where on `archive-status check` alarms. Times in milliseconds; undefined: it is found out, as docs/archive-status.md says. */
export interface Thresholds {
  readonly backupAge: Limits | undefined;
  readonly backupDurationMs: number | undefined;
  readonly dumpAge: Limits | undefined;
  readonly walLagBytes: Limits;
  readonly singleCopyAge: Limits;
  readonly debtAge: Limits;
  readonly drillAge: Limits;
  readonly diskUsedPercent: Limits;
  /** Less is worse. */
  readonly diskFullIn: Limits;
  readonly walFullIn: Limits;
  readonly archiverStoppedMs: number | undefined;
  readonly roleChangedMs: number;
  readonly clockDifference: Limits;
}

/** As `--NAME` on the command line, and NAME with `_` in the file. */
export const thresholdOptions: CommandSpec['options'] = {
  'backup-age': {
    type: 'string',
    describe: 'of the newest base backup: warning,critical; default 24h,48h, or by the schedule in the queue',
  },
  'backup-duration': { type: 'string', describe: 'of a running one; default three times what the last ones took' },
  'dump-age': { type: 'string', describe: 'of the newest dump, where they are scheduled; default by the schedule' },
  'wal-lag': { type: 'string', describe: 'finished segments that no host has; default 256MB,1GB' },
  'single-copy-age': { type: 'string', describe: 'of segments on one host only; default 30s,1h' },
  'debt-age': { type: 'string', describe: 'of what a host owes its peer; default 30s,1h' },
  'drill-age': { type: 'string', describe: 'since the last restore drill; default 8d,32d' },
  'disk-used': { type: 'string', describe: 'per cent of an archive host’s disk; default 85,95' },
  'disk-full-in': { type: 'string', describe: 'until it is full, as it fills now; default 7d,1d' },
  'wal-full-in': { type: 'string', describe: 'until pg_wal’s disk is full, as it fills now; default 1d,2h' },
  'archiver-stopped': {
    type: 'string',
    describe: 'that a file may wait while nothing is archived; default half of archive_timeout, at most 30s',
  },
  'role-changed': { type: 'string', describe: 'for which a new timeline is a warning; default 1h' },
  'clock-difference': { type: 'string', describe: 'between the machines; default 10s,10min' },
};

/** From texts by option names; what is not there has its default. Throws Failure `usage` that begins with `where`. */
export function parseThresholds(texts: Readonly<Record<string, string>>, where: (name: string) => string): Thresholds {
  const read = <T>(name: string, parse: (text: string, name: string) => T, otherwise: string): T =>
    parse(texts[name] ?? otherwise, where(name));
  const optional = <T>(name: string, parse: (text: string, name: string) => T): T | undefined =>
    texts[name] === undefined ? undefined : parse(texts[name], where(name));
  return {
    backupAge: optional('backup-age', parseAges),
    backupDurationMs: optional('backup-duration', parseAge),
    dumpAge: optional('dump-age', parseAges),
    walLagBytes: read('wal-lag', parseSizes, '256MB,1GB'),
    singleCopyAge: read('single-copy-age', parseAges, '30s,1h'),
    debtAge: read('debt-age', parseAges, '30s,1h'),
    drillAge: read('drill-age', parseAges, '8d,32d'),
    diskUsedPercent: read('disk-used', parsePercents, '85,95'),
    diskFullIn: read('disk-full-in', parseRests, '7d,1d'),
    walFullIn: read('wal-full-in', parseRests, '1d,2h'),
    archiverStoppedMs: optional('archiver-stopped', parseAge),
    roleChangedMs: read('role-changed', parseAge, '1h'),
    clockDifference: read('clock-difference', parseAges, '10s,10min'),
  };
}
