import { ClusterDirectory, clusterDirectoryOfWal } from '@archive2/core/archive/cluster-directory.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import type { CommandSpec } from '@archive2/core/cli/command-spec.ts';
import { daysToMs, fraction, optionalText, requiredText, secondsToMs } from '@archive2/core/cli/option-values.ts';
import { programVersion } from '@archive2/core/cli/version.ts';

export interface CleanupOptions {
  directory: ClusterDirectory;
  /** The backup that an old command line names; it only protects. */
  oldestBackup: string | undefined;
  /** As it was said: `user@host` or `NAME=user@host`; undefined when it was not. */
  peer: string | undefined;
  /** --no-peer: there is only this host. */
  hasNoPeer: boolean;
  keepMs: number;
  maxRemoveFraction: number;
  force: boolean;
  trustClock: boolean;
  dryRun: boolean;
  json: boolean;
  connectTimeoutMs: number;
  stallTimeoutMs: number;
  remoteProgram: string;
}

export const commandSpec: CommandSpec = {
  command: 'wal-cleanup',
  version: programVersion,
  summary:
    'Removes the WAL that no base backup on either archive host, and no restore that is under way, needs: here, and on the ' +
    'peer, which looks for itself.',
  usage: [
    '--cluster-dir DIR [PEER-HOST]                 finds the base backups itself',
    'OLDEST-BACKUP-DIR WALS-DIR [PEER-HOST]        keeps in any case what this backup needs, too',
  ],
  options: {
    'cluster-dir': { type: 'string', describe: 'cluster directory, absolute' },
    peer: {
      type: 'string',
      describe: 'the other archive host (default: that of archive_remote_cmd); --no-peer where there is none',
    },
    'dry-run': { type: 'boolean', default: false, describe: 'remove nothing; say what would be' },
    json: { type: 'boolean', default: false, describe: 'the report as JSON (docs/wal-cleanup.md)' },
    'keep-days': { type: 'string', default: '0', describe: 'days for which WAL is kept after it was written' },
    'max-remove-fraction': {
      type: 'string',
      default: '0.5',
      describe: 'refuse to remove more than this share of the archive’s files',
    },
    force: { type: 'boolean', default: false, describe: 'remove more than that here, or what a former peer may lack' },
    'trust-clock': {
      type: 'boolean',
      default: false,
      describe: 'go on although this host’s clock seems to have jumped',
    },
    'connect-timeout': { type: 'string', default: '3', describe: 'seconds to reach the peer' },
    'stall-timeout': {
      type: 'string',
      default: '10',
      describe: 'seconds without a sign of the peer before it is given up',
    },
    'remote-cmd': { type: 'string', default: 'archive_remote_cmd', describe: 'its name or path on the peer' },
    verbose: { type: 'boolean', default: false, describe: 'log more' },
  },
  exitStatus: [
    ['0', 'both hosts are clean, or nothing was to be removed'],
    ['2', 'wrong usage'],
    ['20-26', 'the peer cannot be asked: nothing was removed'],
    ['40', 'another cleanup is at work on one of the hosts'],
    ['44', 'it would not be safe: the host that the message names removed nothing'],
    ['3-125', 'the failures of docs/exit-statuses.md'],
  ],
  examples: [
    ['wal-cleanup --cluster-dir /storage/main archive@arch2 --dry-run', 'on arch1: what would go on both hosts'],
    ['wal-cleanup /storage/main/data.master.5 /storage/main/logs.complete arch2', 'as the old scripts are called'],
  ],
};

/** Throws Failure `usage`. */
export function readOptions(words: readonly string[], options: Record<string, unknown>): CleanupOptions {
  const { peer } = options;
  return {
    ...readPlaces(words, options),
    hasNoPeer: peer === false,
    keepMs: daysToMs(options, 'keep-days'),
    maxRemoveFraction: fraction(options, 'max-remove-fraction'),
    force: options['force'] === true,
    trustClock: options['trust-clock'] === true,
    dryRun: options['dry-run'] === true,
    json: options['json'] === true,
    connectTimeoutMs: secondsToMs(options, 'connect-timeout', 0.1, 600),
    stallTimeoutMs: secondsToMs(options, 'stall-timeout', 0.1, 600),
    remoteProgram: requiredText(options, 'remote-cmd'),
  };
}

function readPlaces(
  words: readonly string[],
  options: Record<string, unknown>,
): Pick<CleanupOptions, 'directory' | 'oldestBackup' | 'peer'> {
  const clusterDirectory = optionalText(options, 'cluster-dir');
  const saidPeer = options['peer'] === false ? undefined : optionalText(options, 'peer');
  if (clusterDirectory !== undefined) {
    if (words.length > 1) throw usageFailure(commandSpec, '--cluster-dir takes one word beside it, the PEER-HOST');
    const directory = new ClusterDirectory(clusterDirectory);
    return { directory, oldestBackup: undefined, peer: words[0] ?? saidPeer };
  }
  const [oldestBackup, walDirectory, peer = saidPeer] = words;
  if (oldestBackup === undefined || walDirectory === undefined || words.length > 3) {
    throw usageFailure(commandSpec, 'expected --cluster-dir DIR, or OLDEST-BACKUP-DIR WALS-DIR [PEER-HOST]');
  }
  return { directory: clusterDirectoryOfWal(walDirectory), oldestBackup, peer };
}
