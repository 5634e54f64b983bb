import { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import { type ChecksumAlgorithm, checksumAlgorithms } from '@archive2/core/backups/member-digest.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import type { CommandSpec } from '@archive2/core/cli/command-spec.ts';
import {
  fraction,
  optionalText,
  requiredText,
  secondsToMs,
  sizeToBytes,
  wholeNumber,
} from '@archive2/core/cli/option-values.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import type { CompressionPlace } from '@archive2/core/postgres/basebackup-arguments.ts';
import { type Conninfo, parseConninfo, refuseSecrets } from '@archive2/core/postgres/conninfo.ts';
import { parseQueueLocation, type QueueLocation } from '@archive2/core/queue/queue-location.ts';
import type { Watermark } from './take/space-check.ts';

/** How a backup is taken, whoever asks for it. */
export interface BackupSettings {
  binDirectory: string | undefined;
  compression: CompressionPlace | 'auto';
  compressionLevel: number;
  compressionWorkers: number;
  checksums: ChecksumAlgorithm;
  checkpoint: 'fast' | 'spread';
  maxRate: string | undefined;
  /** A standby that is farther behind is not taken from. */
  maxLagBytes: number;
  /** How long the WAL of a backup is waited for. */
  walWaitMs: number;
  watermark: Watermark;
  /** Where a hard-link copy of the newest backup is put for another backup system. */
  bareosDirectory: string | undefined;
  /** As it was said; undefined when it was not. */
  peer: string | undefined;
  hasNoPeer: boolean;
  remoteProgram: string;
  connectTimeoutMs: number;
  stallTimeoutMs: number;
}

/** What to do: a backup of this directory now, or what the queue has. */
export type Order =
  | { kind: 'now'; directory: ClusterDirectory; keep: number; conninfo: Conninfo }
  | {
      kind: 'queue';
      location: QueueLocation;
      /** As it was said: it tells the journal's entries of one queue from another's. */
      queue: string;
      /** This archive host's name in the queue; undefined for this machine's. */
      host: string | undefined;
      cluster: string | undefined;
      /** Out of turn. */
      now: boolean;
      leaseSeconds: number;
      stateDirectory: string | undefined;
    };

export interface BaseBackupOptions {
  order: Order;
  settings: BackupSettings;
}

export const commandSpec: CommandSpec = {
  command: 'base-backup',
  version: programVersion,
  summary:
    'Takes a base backup of a cluster into its directory on this archive host. It counts only when each file was compared with its ' +
    'manifest and all its WAL is in the archive; then old ones are removed, and wal-cleanup and wal-sync run.',
  usage: [
    '--queue QUEUE                        a task, if this host has one: for cron',
    '--queue QUEUE --cluster NAME --now   one of this cluster, out of turn',
    'DIR KEEP [PEER-HOST] --pghost HOST   one into DIR, without a queue; keeps the KEEP newest',
  ],
  options: {
    queue: { type: 'string', describe: 'the backup queue, as for backup-queue' },
    host: { type: 'string', describe: 'name of this archive host in the queue (default: that of the machine)' },
    cluster: { type: 'string', describe: 'only a task of this cluster' },
    now: { type: 'boolean', default: false, describe: 'whether or not one is due; needs --cluster' },
    lease: { type: 'string', default: '900', describe: 'seconds after which the queue takes a silent worker for dead' },
    'state-dir': { type: 'string', describe: 'where results wait for a queue that is away' },
    pghost: { type: 'string', describe: 'server, or servers with commas between them: primary and standbys' },
    pgport: { type: 'string', describe: 'its port, or theirs' },
    pguser: { type: 'string', describe: 'role with REPLICATION; its password is in ~/.pgpass' },
    dbname: { type: 'string', describe: 'connection string, instead of these three' },
    peer: {
      type: 'string',
      describe:
        'the other archive host (default: by the queue, or that of archive_remote_cmd); --no-peer where there is none',
    },
    bindir: { type: 'string', describe: 'where pg_basebackup is (default: by the version of the server)' },
    compress: {
      type: 'string',
      default: 'auto',
      describe: 'who compresses: auto, server, client (pg_basebackup), local (we)',
    },
    'compress-level': { type: 'string', default: '1', describe: 'level of zstd' },
    'compress-workers': { type: 'string', default: '0', describe: 'threads that the server compresses with besides' },
    'manifest-checksums': {
      type: 'string',
      default: 'CRC32C',
      describe: `by which files are compared: ${checksumAlgorithms.join(', ')}`,
    },
    checkpoint: { type: 'string', default: 'fast', describe: 'fast or spread' },
    'max-rate': { type: 'string', describe: 'as of pg_basebackup: 100M is 100 MB per second' },
    'max-lag': { type: 'string', default: '256MB', describe: 'a standby that is farther behind is not taken from' },
    'wal-wait': { type: 'string', default: '3600', describe: 'seconds to wait for the WAL of the backup' },
    'min-free': {
      type: 'string',
      default: '5%',
      describe: 'what must stay free on the disk: a share, or a size as 10GB',
    },
    'bareos-dir': {
      type: 'string',
      describe: 'put a hard-link copy of the newest backup here, for another backup system',
    },
    'connect-timeout': { type: 'string', default: '5', describe: 'seconds to reach a server, or the peer' },
    'stall-timeout': {
      type: 'string',
      default: '10',
      describe: 'seconds without a sign of the peer before it is given up',
    },
    'remote-cmd': { type: 'string', default: 'archive_remote_cmd', describe: 'its name or path on the peer' },
    verbose: { type: 'boolean', default: false, describe: 'log more' },
  },
  settable: [
    'queue',
    'host',
    'lease',
    'state-dir',
    'peer',
    'bindir',
    'compress',
    'compress-level',
    'compress-workers',
    'manifest-checksums',
    'checkpoint',
    'max-rate',
    'max-lag',
    'wal-wait',
    'min-free',
    'bareos-dir',
    'connect-timeout',
    'stall-timeout',
    'remote-cmd',
    'verbose',
  ],
  exitStatus: [
    ['0', 'the backup is complete, or there is nothing to do'],
    ['2', 'wrong usage'],
    ['33', 'the disk has too little space'],
    ['40', 'another base-backup is at work on this directory, or with --now: a task of this cluster runs'],
    ['50-54', 'the queue gives no task'],
    ['55', 'the backup is complete, but its task was given to another worker'],
    ['60', 'no server could be reached that a backup can be taken from'],
    ['61', 'pg_basebackup failed'],
    ['62', 'the backup is not what its manifest says'],
    ['63', 'its WAL did not reach the archive in time'],
    ['64', 'a signal ended it'],
    ['3-125', 'the failures of docs/exit-statuses.md'],
  ],
  examples: [
    ['base-backup --queue service=backup', 'every ten minutes, on each archive host'],
    ['base-backup /storage/main 3 archive@arch2 --pghost db1,db2 --pguser backup', 'by hand, on arch1'],
  ],
};

/** Throws Failure `usage`. */
export function readOptions(words: readonly string[], options: Record<string, unknown>): BaseBackupOptions {
  return { order: readOrder(words, options), settings: readSettings(words, options) };
}

function readOrder(words: readonly string[], options: Record<string, unknown>): Order {
  const [directory, keep] = words;
  const cluster = optionalText(options, 'cluster');
  const now = options['now'] === true;
  if (directory !== undefined) {
    if (keep === undefined || words.length > 3) throw usageFailure(commandSpec, 'expected DIR KEEP [PEER-HOST]');
    if (cluster !== undefined || now)
      throw usageFailure(commandSpec, '--cluster and --now are for the queue, not for a DIR');
    return {
      kind: 'now',
      directory: new ClusterDirectory(directory),
      keep: wholeNumber({ KEEP: keep }, 'KEEP', 1, 10_000),
      conninfo: readConninfo(options),
    };
  }
  const queue = optionalText(options, 'queue');
  if (queue === undefined) throw usageFailure(commandSpec, 'expected --queue QUEUE, or DIR KEEP [PEER-HOST]');
  if (now && cluster === undefined) throw usageFailure(commandSpec, '--now needs --cluster NAME');
  return {
    kind: 'queue',
    location: parseQueueLocation(queue),
    queue,
    host: optionalText(options, 'host'),
    cluster,
    now,
    leaseSeconds: wholeNumber(options, 'lease', 5, 604_800),
    stateDirectory: optionalText(options, 'state-dir'),
  };
}

function readConninfo(options: Record<string, unknown>): Conninfo {
  const whole = optionalText(options, 'dbname');
  const parts = {
    host: optionalText(options, 'pghost'),
    port: optionalText(options, 'pgport'),
    user: optionalText(options, 'pguser'),
  };
  const given = Object.entries(parts).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]));
  if (whole !== undefined && given.length > 0) {
    throw usageFailure(commandSpec, '--dbname is given instead of --pghost, --pgport and --pguser');
  }
  if (whole === undefined && parts.host === undefined) throw usageFailure(commandSpec, '--pghost is missing');
  const conninfo = whole === undefined ? Object.fromEntries(given) : parseConninfo(whole);
  refuseSecrets(conninfo);
  return conninfo;
}

function readSettings(words: readonly string[], options: Record<string, unknown>): BackupSettings {
  return {
    binDirectory: optionalText(options, 'bindir'),
    compression: oneOf(options, 'compress', ['auto', 'server', 'client', 'local'] as const),
    compressionLevel: wholeNumber(options, 'compress-level', 1, 22),
    compressionWorkers: wholeNumber(options, 'compress-workers', 0, 200),
    checksums: oneOf(options, 'manifest-checksums', checksumAlgorithms),
    checkpoint: oneOf(options, 'checkpoint', ['fast', 'spread'] as const),
    maxRate: optionalText(options, 'max-rate'),
    maxLagBytes: sizeToBytes(options, 'max-lag', Number.MAX_SAFE_INTEGER),
    walWaitMs: secondsToMs(options, 'wal-wait', 0, 7 * 86_400),
    watermark: readWatermark(options),
    bareosDirectory: readBareosDirectory(options),
    peer: words[2] ?? (options['peer'] === false ? undefined : optionalText(options, 'peer')),
    hasNoPeer: options['peer'] === false,
    remoteProgram: requiredText(options, 'remote-cmd'),
    connectTimeoutMs: secondsToMs(options, 'connect-timeout', 0.1, 600),
    stallTimeoutMs: secondsToMs(options, 'stall-timeout', 0.1, 600),
  };
}

function readWatermark(options: Record<string, unknown>): Watermark {
  const percent = /^\s*([\d.]+)\s*%\s*$/.exec(requiredText(options, 'min-free'))?.[1];
  if (percent === undefined) return { bytes: sizeToBytes(options, 'min-free', Number.MAX_SAFE_INTEGER) };
  return { share: fraction({ 'min-free': Number(percent) / 100 }, 'min-free') };
}

function readBareosDirectory(options: Record<string, unknown>): string | undefined {
  const path = optionalText(options, 'bareos-dir');
  // The same rules hold for it as for a cluster directory; it must not look like a base backup there.
  if (path !== undefined && new ClusterDirectory(path).path.split('/').at(-1)?.startsWith('data.')) {
    throw new Failure('usage', `--bareos-dir ${path} would be taken for a base backup`, {
      hint: 'Call it something that does not begin with "data.", such as bareos.dump.',
    });
  }
  return path;
}

function oneOf<Value extends string>(options: Record<string, unknown>, name: string, values: readonly Value[]): Value {
  const text = String(options[name]);
  const value = values.find((known) => known === text);
  if (value !== undefined) return value;
  throw new Failure('usage', `--${name} ${JSON.stringify(text.slice(0, 40))} is none of ${values.join(', ')}`);
}
