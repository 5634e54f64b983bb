import { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import { checkClusterName } from '@archive2/core/archive/identity.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import type { CommandSpec } from '@archive2/core/cli/command-spec.ts';
import {
  bytesPerSecond,
  daysToMs,
  fraction,
  optionalText,
  requiredText,
  secondsToMs,
  wholeNumber,
} from '@archive2/core/cli/option-values.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import { type Peer, parsePeer } from '@archive2/core/hosts/peer.ts';
import { allRights, type Right } from '@archive2/core/protocol/messages.ts';

export interface RemoteOptions {
  directory: ClusterDirectory;
  cluster: string;
  rights: ReadonlySet<Right>;
  peer: Peer | undefined;
  peerWaitMs: number;
  peerCooldownMs: number;
  maxAhead: number;
  connectTimeoutMs: number;
  stallTimeoutMs: number;
  probeIntervalMs: number;
  /** 0: no limit. */
  repairBytesPerSecond: number;
  /** For a cleanup that the peer proposes. */
  keepMs: number;
  maxRemoveFraction: number;
  trustPeerBackups: boolean;
  remoteProgram: string;
  /** Where the log goes instead of stderr. */
  logFile: string | undefined;
  verbose: boolean;
}

export const commandSpec: CommandSpec = {
  command: 'archive_remote_cmd',
  version: programVersion,
  summary: 'The archive host’s side of Archive 2: stores archive files durably and forwards them to the peer.',
  usage: [
    'serve --dir DIR --cluster NAME --allow RIGHTS [--peer NAME=user@host]   a session on stdin and stdout',
    'init --dir DIR --cluster NAME                                           makes a cluster directory',
    'pay --dir DIR --cluster NAME --peer NAME=user@host                      pays the debts to the peer',
    'conflict list --dir DIR --cluster NAME                                  what was refused, and is kept',
    'conflict show | keep-stored | use-new SEGMENT [DIGEST] --dir DIR --cluster NAME',
    'pledge show | waive --dir DIR --cluster NAME                            two copies of all that is acknowledged',
  ],
  options: {
    dir: { type: 'string', describe: 'cluster directory, absolute; its WAL directory is DIR/logs.complete' },
    cluster: { type: 'string', describe: 'name of the cluster' },
    allow: {
      type: 'string',
      default: '',
      describe: 'rights of the session: put, get, sync (for the peer), status (for monitoring), with commas',
    },
    peer: { type: 'string', describe: 'the other archive host: a name for it, and how to reach it' },
    'peer-wait': {
      type: 'string',
      default: '2',
      describe: 'seconds to wait for the peer before its copy becomes a debt; 1 while it is being connected to',
    },
    'peer-cooldown': {
      type: 'string',
      default: '10',
      describe: 'seconds after a failure of the peer in which nobody waits',
    },
    'max-ahead': {
      type: 'string',
      default: '65536',
      describe: 'segments that a new name may be ahead of the newest one',
    },
    'connect-timeout': { type: 'string', default: '3', describe: 'seconds to reach the peer' },
    'stall-timeout': {
      type: 'string',
      default: '3',
      describe: 'seconds without a sign of the peer before it is given up',
    },
    'probe-interval': {
      type: 'string',
      default: '2',
      describe: 'seconds between two looks at a peer that is away (pay)',
    },
    'repair-rate': {
      type: 'string',
      default: '64',
      describe: 'MiB per second that paying debts may take, so that live WAL goes first; 0 for no limit (pay)',
    },
    'keep-days': {
      type: 'string',
      default: '0',
      describe: 'days for which WAL is kept after it was written, when the peer proposes a cleanup',
    },
    'max-remove-fraction': {
      type: 'string',
      default: '0.5',
      describe: 'share of the archive’s files that a cleanup proposed by the peer may remove',
    },
    'trust-peer-backups': {
      type: 'boolean',
      default: false,
      describe: 'let the peer propose a cleanup also while this host has no complete base backup of its own',
    },
    'remote-cmd': {
      type: 'string',
      default: 'archive_remote_cmd',
      describe: 'this program’s name or path on the peer',
    },
    'log-file': { type: 'string', describe: 'log there instead of to stderr (a payer that a session started)' },
    verbose: { type: 'boolean', default: false, describe: 'log every file' },
  },
  exitStatus: [
    ['0', 'serve: the client ended the session; init: the directory is ready; pay: nothing is owed any more'],
    ['2', 'wrong usage'],
    ['3-125', 'the failures of docs/exit-statuses.md'],
  ],
  examples: [
    [
      'archive_remote_cmd init --dir /storage/main --cluster main',
      'run once on each archive host, as the user who owns the archive',
    ],
    [
      'restrict,command="archive_remote_cmd serve --dir /storage/main --cluster main --allow put --peer arch2=arch2" ssh-ed25519 …',
      'the primary’s key in authorized_keys on arch1',
    ],
  ],
};

/** Checks the options of all forms at once. Throws Failure `usage`. */
export function readOptions(options: Record<string, unknown>): RemoteOptions {
  const peer = optionalText(options, 'peer');
  return {
    directory: new ClusterDirectory(requiredText(options, 'dir')),
    cluster: checkClusterName(requiredText(options, 'cluster')),
    rights: parseRights(optionalText(options, 'allow') ?? ''),
    peer: peer === undefined || peer === '' ? undefined : parsePeer(peer),
    peerWaitMs: secondsToMs(options, 'peer-wait', 0, 2.5),
    peerCooldownMs: secondsToMs(options, 'peer-cooldown', 0, 3600),
    maxAhead: wholeNumber(options, 'max-ahead', 1, 2 ** 31),
    connectTimeoutMs: secondsToMs(options, 'connect-timeout', 0.1, 600),
    stallTimeoutMs: secondsToMs(options, 'stall-timeout', 0.1, 600),
    probeIntervalMs: secondsToMs(options, 'probe-interval', 0.05, 600),
    repairBytesPerSecond: bytesPerSecond(options, 'repair-rate'),
    keepMs: daysToMs(options, 'keep-days'),
    maxRemoveFraction: fraction(options, 'max-remove-fraction'),
    trustPeerBackups: options['trust-peer-backups'] === true,
    remoteProgram: requiredText(options, 'remote-cmd'),
    logFile: optionalText(options, 'log-file'),
    verbose: options.verbose === true,
  };
}

function parseRights(text: string): ReadonlySet<Right> {
  const rights = text.split(',').filter((word) => word !== '');
  const unknown = rights.find((word) => !allRights.some((right) => right === word));
  if (unknown !== undefined) {
    throw new Failure('usage', `--allow ${JSON.stringify(unknown)} is no right`, {
      hint: `The rights are ${allRights.join(', ')}.`,
    });
  }
  return new Set(rights as Right[]);
}
