import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Failure } from '../../base/failure.ts';
import { type Lsn, tryParseLsn } from '../../wal/lsn.ts';
import { type TimelineId, timelineFromNumber } from '../../wal/timeline-id.ts';

/** What pg_control says of a data directory, as far as a restore looks at it. */
export interface ControlData {
  /** "in production", "in archive recovery", "shut down". */
  readonly state: string;
  /** Decimal. */
  readonly systemIdentifier: string;
  readonly checkpointLsn: Lsn | undefined;
  readonly timeline: TimelineId | undefined;
  /** Below this the server opens to nobody; undefined when it is consistent, or not known yet. */
  readonly minRecoveryLsn: Lsn | undefined;
  /** 0: the cluster has no page checksums. */
  readonly pageChecksumVersion: number;
  /** The settings that must not be lower than on the primary, as that had them. */
  readonly primarySettings: Readonly<Record<PrimarySetting, number>>;
}

export const primarySettingNames = [
  'max_connections',
  'max_worker_processes',
  'max_wal_senders',
  'max_prepared_transactions',
  'max_locks_per_transaction',
] as const;

export type PrimarySetting = (typeof primarySettingNames)[number];

/** As pg_controldata abbreviates them. Source: PostgreSQL 18 src/bin/pg_controldata/pg_controldata.c. */
const primarySettingLabels: Record<PrimarySetting, string> = {
  max_connections: 'max_connections setting',
  max_worker_processes: 'max_worker_processes setting',
  max_wal_senders: 'max_wal_senders setting',
  max_prepared_transactions: 'max_prepared_xacts setting',
  max_locks_per_transaction: 'max_locks_per_xact setting',
};

/** Reads what pg_controldata prints with LC_ALL=C. Throws Failure `damaged` for anything else. Pure. */
export function parseControlData(output: string): ControlData {
  const lines = new Map<string, string>();
  for (const line of output.split('\n')) {
    const at = line.indexOf(':');
    if (at > 0) lines.set(line.slice(0, at).trim(), line.slice(at + 1).trim());
  }
  const text = (label: string): string => {
    const value = lines.get(label);
    if (value === undefined) throw new Failure('damaged', `pg_control cannot be read: it says no "${label}"`);
    return value;
  };
  const place = (label: string) => {
    const lsn = tryParseLsn(text(label));
    return lsn === 0n ? undefined : lsn;
  };
  const settings = primarySettingNames.map((name) => [name, Number(text(primarySettingLabels[name]))] as const);
  return {
    state: text('Database cluster state'),
    systemIdentifier: text('Database system identifier'),
    checkpointLsn: place('Latest checkpoint location'),
    timeline: timelineFromNumber(Number(text("Latest checkpoint's TimeLineID"))),
    minRecoveryLsn: place('Minimum recovery ending location'),
    pageChecksumVersion: Number(text('Data page checksum version')),
    primarySettings: Object.fromEntries(settings) as Record<PrimarySetting, number>,
  };
}

const answerWithinMs = 30_000;

/** Reads a data directory's pg_control with the pg_controldata of `programs`. Throws Failure `damaged` when it cannot be read. */
export async function readControlData(programs: string, dataDirectory: string): Promise<ControlData> {
  const options = { timeout: answerWithinMs, env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' } };
  try {
    const { stdout, stderr } = await promisify(execFile)(
      join(programs, 'pg_controldata'),
      ['-D', dataDirectory],
      options,
    );
    // It prints what it finds of a file with a wrong checksum, too, and only warns.
    if (/WARNING/.test(stdout + stderr)) throw new Error((stdout + stderr).split('\n')[0]);
    return parseControlData(stdout);
  } catch (error) {
    if (error instanceof Failure) throw error;
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new Failure('damaged', `pg_control of ${dataDirectory} cannot be read: ${reason}`, { cause: error });
  }
}
