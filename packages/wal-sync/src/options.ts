import { ClusterDirectory, clusterDirectoryOfWal } from '@archive2/core/archive/cluster-directory.ts';
import { checkClusterName } from '@archive2/core/archive/identity.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import type { CommandSpec } from '@archive2/core/cli/command-spec.ts';
import { bytesPerSecond, optionalText, requiredText, secondsToMs } from '@archive2/core/cli/option-values.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import { type HostSpec, parseHostSpec } from '@archive2/core/hosts/host-spec.ts';

export interface SyncOptions {
  directory: ClusterDirectory;
  peer: HostSpec;
  /** The cluster's name; undefined for the one in cluster.json, or the directory's. */
  cluster: string | undefined;
  dryRun: boolean;
  /** Reads every file on both hosts. */
  checksum: boolean;
  /** In how many days every file is read once; 0 reads none. */
  scrubDays: number;
  json: boolean;
  /** 0: no limit. */
  repairBytesPerSecond: number;
  connectTimeoutMs: number;
  stallTimeoutMs: number;
  remoteProgram: string;
  verbose: boolean;
}

export const commandSpec: CommandSpec = {
  command: 'wal-sync',
  version: programVersion,
  summary:
    'Makes the WAL directories of two archive hosts equal, both ways: copies what one of them lacks, finds files that are ' +
    'damaged or differ, settles debts, and lists segments that both lack.',
  usage: [
    'WALS-DIR PEER-HOST                                on either archive host',
    'holes [list] --cluster-dir DIR                    what is missing here',
    'holes ack FROM TO --why TEXT --cluster-dir DIR    accepts that it stays so',
  ],
  options: {
    'dry-run': { type: 'boolean', default: false, describe: 'copy, repair and settle nothing; say what would be' },
    checksum: { type: 'boolean', default: false, describe: 'read every file on both hosts, not only a slice' },
    'scrub-days': {
      type: 'string',
      default: '7',
      describe: 'days in which every file is read once, a slice with each run; 0 reads none',
    },
    json: { type: 'boolean', default: false, describe: 'the report as JSON (docs/wal-sync.md)' },
    cluster: { type: 'string', describe: 'name of the cluster (default: the one in cluster.json)' },
    'cluster-dir': { type: 'string', describe: 'cluster directory, absolute (holes)' },
    why: { type: 'string', describe: 'why the segments are accepted as lost (holes ack)' },
    'repair-rate': { type: 'string', default: '0', describe: 'MiB per second that copying may take; 0 for no limit' },
    'connect-timeout': { type: 'string', default: '3', describe: 'seconds to reach the peer' },
    'stall-timeout': {
      type: 'string',
      default: '10',
      describe: 'seconds without a sign of the peer before it is given up',
    },
    'remote-cmd': { type: 'string', default: 'archive_remote_cmd', describe: 'its name or path on the peer' },
    verbose: { type: 'boolean', default: false, describe: 'log every file' },
  },
  exitStatus: [
    ['0', 'both hosts hold the same files, and no segment is missing that nobody has accepted'],
    ['2', 'wrong usage'],
    ['15', 'a name has two contents: "archive_remote_cmd conflict" settles it'],
    ['36', 'a file is damaged and no whole copy is left'],
    ['40', 'another wal-sync is at work on this host'],
    ['42', 'with --dry-run: there is something to do'],
    ['45', 'segments are missing on both hosts'],
    ['3-125', 'the failures of docs/exit-statuses.md'],
  ],
  examples: [
    ['wal-sync /storage/main/logs.complete archive@arch2', 'on arch1'],
    [
      'wal-sync holes ack 00000001000000000000000A 00000001000000000000000C --why "lost with db1" --cluster-dir /storage/main',
      'on either host; the other one hears of it with its next wal-sync',
    ],
  ],
};

/** Options of a sync. Throws Failure `usage`. */
export function readSyncOptions(words: readonly string[], options: Record<string, unknown>): SyncOptions {
  const [walDirectory, peer] = words;
  if (words.length !== 2 || walDirectory === undefined || peer === undefined) {
    throw usageFailure(commandSpec, `expected WALS-DIR PEER-HOST, got ${words.length} words`);
  }
  const cluster = optionalText(options, 'cluster');
  return {
    directory: clusterDirectoryOfWal(walDirectory),
    peer: parseHostSpec(peer),
    cluster: cluster === undefined ? undefined : checkClusterName(cluster),
    dryRun: options['dry-run'] === true,
    checksum: options['checksum'] === true,
    scrubDays: days(options, 'scrub-days'),
    json: options['json'] === true,
    repairBytesPerSecond: bytesPerSecond(options, 'repair-rate'),
    connectTimeoutMs: secondsToMs(options, 'connect-timeout', 0.1, 600),
    stallTimeoutMs: secondsToMs(options, 'stall-timeout', 0.1, 600),
    remoteProgram: requiredText(options, 'remote-cmd'),
    verbose: options['verbose'] === true,
  };
}

function days(options: Record<string, unknown>, name: string): number {
  const text = String(options[name]);
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 3650) return value;
  throw new Failure('usage', `--${name} ${JSON.stringify(text)} is not a number of days from 0 to 3650`);
}

/** The cluster directory of `holes`. Throws Failure `usage`. */
export function holesDirectory(options: Record<string, unknown>): ClusterDirectory {
  return new ClusterDirectory(requiredText(options, 'cluster-dir'));
}
