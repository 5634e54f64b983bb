import { type ClusterDirectory, clusterDirectoryOfWal } from '@archive2/core/archive/cluster-directory.ts';
import { checkClusterName } from '@archive2/core/archive/identity.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import type { CommandSpec } from '@archive2/core/cli/command-spec.ts';
import { requiredText, secondsToMs, wholeNumber } from '@archive2/core/cli/option-values.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import type { CooldownPolicy } from '@archive2/core/hosts/cooldown.ts';
import { type HostSpec, parseHostList } from '@archive2/core/hosts/host-spec.ts';

/** Where and how archive files are shipped: everything of a call but the file. */
export interface ShipSettings {
  hosts: readonly HostSpec[];
  clusterDirectory: ClusterDirectory;
  cluster: string;
  minCopies: 1 | 2;
  cooldown: CooldownPolicy;
  /** How long the preferred host may be silent while it is connected to before the other one may go first. */
  preferredWaitMs: number;
  connectTimeoutMs: number;
  stallTimeoutMs: number;
  /** The whole call, from the client's question to its exit. */
  callDeadlineMs: number;
  /** Files in flight at once, those read ahead included. */
  maxInFlight: number;
  remoteProgram: string;
  agentSocket: string | undefined;
}

export const commandSpec: CommandSpec = {
  command: 'archive_cmd',
  version: programVersion,
  summary: 'Ships one archive file to two archive hosts; for PostgreSQL’s archive_command.',
  usage: [
    "'HOST1 HOST2' DST-DIR %p %f CLUSTER     ships the file; 0 only when it is durable on --min-copies hosts",
    "check 'HOST1 HOST2' DST-DIR CLUSTER     tries everything before any WAL depends on it",
    'agent status | stop                     the background processes of this user',
    "backfill 'HOST1 HOST2' DST-DIR CLUSTER  ships what the archive lacks of the parent timeline, from --data-dir",
  ],
  options: {
    'min-copies': {
      type: 'string',
      default: '1',
      describe: 'hosts that must have the file before the call ends with 0: 1 or 2',
    },
    'retry-count': { type: 'string', default: '3', describe: 'failures in a row after which a host is in cooldown' },
    'cooldown-time': { type: 'string', default: '60', describe: 'seconds in which such a host is not tried first' },
    'preferred-wait': {
      type: 'string',
      default: '0.25',
      describe: 'seconds that the first host may take to connect before the other one may go first',
    },
    'connect-timeout': { type: 'string', default: '3', describe: 'seconds to reach a host, login included' },
    'stall-timeout': {
      type: 'string',
      default: '3',
      describe: 'seconds without a sign of a host before it is given up',
    },
    'cmd-timeout': {
      type: 'string',
      default: '30',
      describe: 'seconds for the whole call; a transfer that moves goes on',
    },
    pwals: { type: 'string', default: '4', describe: 'files in flight at once; 1 ships nothing ahead' },
    'remote-cmd': { type: 'string', default: 'archive_remote_cmd', describe: 'its name or path on the archive hosts' },
    'agent-idle': { type: 'string', default: '900', describe: 'seconds without a call after which the agent ends' },
    agent: { type: 'boolean', default: true, describe: 'use the agent; --no-agent ships the file in this process' },
    'state-dir': { type: 'string', describe: 'directory of sockets and cooldowns (ARCHIVE2_STATE_DIR)' },
    'data-dir': { type: 'string', describe: 'data directory (agent, backfill)' },
    dbname: { type: 'string', describe: 'connection string for the settings that check looks at' },
    verbose: { type: 'boolean', default: false, describe: 'log every file' },
  },
  exitStatus: [
    ['0', 'the file is durable on --min-copies archive hosts'],
    ['2', 'wrong usage'],
    ['3-125', 'the failures of docs/exit-statuses.md; PostgreSQL keeps the file and tries again'],
  ],
  examples: [
    ['archive_command = \'archive_cmd "arch1 arch2" /storage/main/logs.complete %p %f main\'', 'in postgresql.conf'],
  ],
};

/** The settings of a call that ships, from its words and options. Throws Failure `usage`. */
export function readShipSettings(
  hostList: string,
  walDirectory: string,
  cluster: string,
  options: Record<string, unknown>,
  environment: Readonly<Record<string, string | undefined>>,
): ShipSettings {
  const hosts = parseHostList(hostList);
  const minCopies = wholeNumber(options, 'min-copies', 1, 2) === 2 ? 2 : 1;
  if (minCopies > hosts.length) {
    throw new Failure('usage', '--min-copies 2 with one host alone can never be met', {
      hint: "Name both archive hosts, as in 'arch1 arch2'.",
    });
  }
  return {
    hosts,
    clusterDirectory: clusterDirectoryOfWal(walDirectory),
    cluster: checkClusterName(cluster),
    minCopies,
    cooldown: {
      retryCount: wholeNumber(options, 'retry-count', 0, 1000),
      cooldownMs: secondsToMs(options, 'cooldown-time', 0, 86_400),
    },
    preferredWaitMs: secondsToMs(options, 'preferred-wait', 0, 600),
    connectTimeoutMs: secondsToMs(options, 'connect-timeout', 0.1, 600),
    stallTimeoutMs: secondsToMs(options, 'stall-timeout', 0.1, 600),
    callDeadlineMs: secondsToMs(options, 'cmd-timeout', 0.5, 86_400),
    maxInFlight: wholeNumber(options, 'pwals', 1, 32),
    remoteProgram: requiredText(options, 'remote-cmd'),
    agentSocket: environment['SSH_AUTH_SOCK'],
  };
}

/** The words of `archive_cmd HOSTS DST-DIR %p %f CLUSTER`. */
export interface ShipWords {
  hostList: string;
  walDirectory: string;
  path: string;
  name: string;
  cluster: string;
}

export function shipWords(words: readonly string[]): ShipWords {
  const [hostList, walDirectory, path, name, cluster] = words;
  if (words.length !== 5 || !hostList || !walDirectory || !path || !name || !cluster) {
    throw usageFailure(commandSpec, `expected 'HOST1 HOST2' DST-DIR %p %f CLUSTER, got ${words.length} words`);
  }
  return { hostList, walDirectory, path, name, cluster };
}
