import { join } from 'node:path';
import type { SegmentSize } from '../../wal/segment-size.ts';
import type { ControlData } from './control-data.ts';
import { type RecoveryTarget, type TargetTimeline, targetSettings } from './recovery-target.ts';
import { formatRestoreCommand, type WalSource } from './restore-command.ts';
import { formatSettings, type Settings } from './settings-text.ts';

export interface DrillServer {
  readonly source: WalSource;
  readonly target: RecoveryTarget;
  readonly timeline: TargetTimeline;
  readonly control: ControlData;
  readonly major: number;
  /** The socket lies here: a directory of this account alone, which is all that keeps others out. */
  readonly socketDirectory: string;
  /** Where the configuration files are written. */
  readonly directory: string;
  readonly sharedBuffersBytes: number;
  readonly segmentSize: SegmentSize;
  /** Of the person's, after all others: what an extension needs, for instance. */
  readonly more: Settings;
}

/** The port is a part of the socket's name only. */
export const drillPort = 5432;

/** What pg_wal of a drill takes, about, in segments. */
export const drillWalSegments = 32;

const mebibyte = 1024 * 1024;

/**
 * The configuration files of a drill by name. The server archives, streams, logs in and listens nowhere; runs no background work that
 * acts on others (subscriptions, jobs of extensions); takes little memory; and survives no power cut, as nobody needs it after one. It
 * answers no queries before its target, so it needs no more connections than the checks do. Pure.
 */
export function drillConfig(drill: DrillServer): Readonly<Record<string, string>> {
  const { control, directory, socketDirectory, more } = drill;
  const settings: Settings = {
    restore_command: formatRestoreCommand(drill.source),
    ...targetSettings(drill.target, drill.timeline, 'promote'),
    hot_standby: 'off',
    archive_mode: 'off',
    hba_file: join(directory, 'pg_hba.conf'),
    ident_file: join(directory, 'pg_ident.conf'),
    listen_addresses: '',
    port: String(drillPort),
    unix_socket_directories: socketDirectory,
    unix_socket_permissions: '0700',
    ssl: 'off',
    max_connections: '20',
    superuser_reserved_connections: '3',
    max_prepared_transactions: String(control.primarySettings.max_prepared_transactions),
    max_locks_per_transaction: String(Math.max(64, control.primarySettings.max_locks_per_transaction)),
    max_logical_replication_workers: '0',
    shared_preload_libraries: '',
    shared_buffers: `${Math.ceil(drill.sharedBuffersBytes / 1024)}kB`,
    huge_pages: 'off',
    work_mem: '16MB',
    maintenance_work_mem: '64MB',
    max_wal_size: `${Math.ceil((drillWalSegments * drill.segmentSize) / mebibyte)}MB`,
    autovacuum: 'off',
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    jit: 'off',
    logging_collector: 'off',
    log_destination: 'stderr',
    log_line_prefix: '%m [%p] ',
    log_min_messages: 'warning',
    log_statement: 'none',
    lc_messages: 'C',
    ...more,
  };
  return {
    'postgresql.conf': `# archive2: of a restore drill\n${formatSettings(settings)}`,
    'pg_hba.conf': 'local all all trust\n',
    'pg_ident.conf': '',
  };
}

/** shared_buffers of a drill that may take so much memory in all: a quarter of it. Pure. */
export function drillSharedBuffers(memoryBytes: number): number {
  return Math.max(16 * mebibyte, Math.floor(memoryBytes / 4));
}
