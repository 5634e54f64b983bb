import { type ClusterDirectory, clusterDirectoryOfWal } from '@archive2/core/archive/cluster-directory.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import type { CommandSpec } from '@archive2/core/cli/command-spec.ts';
import { optionalText, requiredText, secondsToMs, sizeToBytes, wholeNumber } from '@archive2/core/cli/option-values.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import type { CooldownPolicy } from '@archive2/core/hosts/cooldown.ts';
import { type HostSpec, parseHostList } from '@archive2/core/hosts/host-spec.ts';

/** What to do when no host delivers and not every host says no. */
export type OnUnavailable = 'auto' | 'retry' | 'abort' | 'end';

/** Where archive files come from, and how long to insist. */
export interface FetchSettings {
  hosts: readonly HostSpec[];
  clusterDirectory: ClusterDirectory;
  /** The cluster's name on the hosts: the last part of the cluster directory's path unless given. */
  cluster: string;
  cooldown: CooldownPolicy;
  connectTimeoutMs: number;
  stallTimeoutMs: number;
  onUnavailable: OnUnavailable;
  unavailableTimeoutMs: number;
  /** Segments to fetch ahead, and what all that is held may take. */
  prefetchSegments: number;
  prefetchBytes: number;
  /** Where they wait; undefined for the usual place. */
  bufferDirectory: string | undefined;
  /** Where to look before the hosts are asked; undefined for the usual place. */
  localDirectory: string | undefined;
  /** No host is asked. */
  onlyLocal: boolean;
  /** On a standby, a file counts as absent until it is this old. */
  delayMs: number;
  remoteProgram: string;
  agentSocket: string | undefined;
}

export const commandSpec: CommandSpec = {
  command: 'restore_cmd',
  version: programVersion,
  summary: 'Fetches one archive file from either archive host; for PostgreSQL’s restore_command.',
  usage: [
    "'HOST1 HOST2' SRC-DIR %f %p [DELAY-SECONDS]     fetches the file",
    "check 'HOST1 HOST2' SRC-DIR [DELAY-SECONDS]     tries everything before recovery depends on it",
    'agent status | stop                             the background processes of this user',
    'delay show | pause | resume                     holds a delayed standby where it is, lets it go on',
    'delay release --until TIME                      has it replay without delay up to a moment',
  ],
  options: {
    cluster: { type: 'string', describe: 'name of the cluster (default: the directory above SRC-DIR)' },
    'on-unavailable': {
      type: 'string',
      choices: ['auto', 'retry', 'abort', 'end'],
      default: 'auto',
      describe:
        'when a host cannot say: auto (as below), retry for ever, abort at once, end (take it as the end of WAL)',
    },
    'unavailable-timeout': {
      type: 'string',
      default: '300',
      describe: 'seconds that recovery asks again before it stops (auto)',
    },
    'retry-count': { type: 'string', default: '3', describe: 'failures in a row after which a host is in cooldown' },
    'cooldown-time': { type: 'string', default: '60', describe: 'seconds in which such a host is asked last' },
    'connect-timeout': { type: 'string', default: '3', describe: 'seconds to reach a host, login included' },
    'stall-timeout': {
      type: 'string',
      default: '3',
      describe: 'seconds without a sign of a host before it is given up',
    },
    'remote-cmd': { type: 'string', default: 'archive_remote_cmd', describe: 'its name or path on the archive hosts' },
    prefetch: { type: 'string', default: '8', describe: 'segments to have ready before PostgreSQL asks; 0 for none' },
    'prefetch-size': {
      type: 'string',
      default: '1GB',
      describe: 'what they may take on disk, with a few kept behind: as 256MB; the smaller of both bounds counts',
    },
    'buffer-dir': { type: 'string', describe: 'directory for them (default: in the state directory)' },
    'local-dir': {
      type: 'string',
      describe: 'directory of archive files that is looked at first (default: /var/local/WALs, if it is there)',
    },
    'only-local': { type: 'boolean', default: false, describe: 'ask no host: what is not in --local-dir is absent' },
    'agent-idle': { type: 'string', default: '900', describe: 'seconds without a call after which the agent ends' },
    agent: { type: 'boolean', default: true, describe: 'use the agent; --no-agent fetches the file in this process' },
    'state-dir': { type: 'string', describe: 'directory of sockets and buffers (ARCHIVE2_STATE_DIR)' },
    'data-dir': { type: 'string', describe: 'data directory (agent, delay)' },
    until: { type: 'string', describe: 'a moment, as "2026-11-21 10:07:21+00" (delay release)' },
    verbose: { type: 'boolean', default: false, describe: 'log what each host answers' },
  },
  exitStatus: [
    ['0', 'the file is at %p, verified'],
    ['1', 'every host says that it does not have the file; on a standby also: not now, ask again'],
    ['126', 'it is not known: a host could not be asked, or its copy is damaged. PostgreSQL stops instead of ending'],
    ['', 'recovery early; the message names the ways on'],
    ['signal', 'ended by SIGTERM, as PostgreSQL expects'],
    ['2', 'delay, agent: wrong usage, or there is no such standby'],
    ['42', 'check: something must be put right'],
  ],
  examples: [
    ['restore_command = \'restore_cmd "arch1 arch2" /storage/main/logs.complete %f %p\'', 'in postgresql.conf'],
  ],
};

/** Settings of a fetch or a check. Throws Failure `usage`. */
export function readFetchSettings(
  hostList: string,
  walDirectory: string,
  delaySeconds: string | undefined,
  options: Record<string, unknown>,
  environment: Readonly<Record<string, string | undefined>>,
): FetchSettings {
  const clusterDirectory = clusterDirectoryOfWal(walDirectory);
  return {
    hosts: parseHostList(hostList),
    clusterDirectory,
    cluster: optionalText(options, 'cluster') ?? lastPart(clusterDirectory.path),
    cooldown: {
      retryCount: wholeNumber(options, 'retry-count', 0, 1000),
      cooldownMs: secondsToMs(options, 'cooldown-time', 0, 86_400),
    },
    connectTimeoutMs: secondsToMs(options, 'connect-timeout', 0.1, 600),
    stallTimeoutMs: secondsToMs(options, 'stall-timeout', 0.1, 600),
    onUnavailable: parseOnUnavailable(requiredText(options, 'on-unavailable')),
    unavailableTimeoutMs: secondsToMs(options, 'unavailable-timeout', 0, 7 * 86_400),
    prefetchSegments: wholeNumber(options, 'prefetch', 0, 1024),
    prefetchBytes: sizeToBytes(options, 'prefetch-size', 2 ** 50),
    bufferDirectory: optionalText(options, 'buffer-dir'),
    localDirectory: optionalText(options, 'local-dir'),
    onlyLocal: options['only-local'] === true,
    delayMs: delaySeconds === undefined ? 0 : secondsToMs({ DELAY: delaySeconds }, 'DELAY', 0, 10 * 365 * 86_400),
    remoteProgram: requiredText(options, 'remote-cmd'),
    agentSocket: environment['SSH_AUTH_SOCK'],
  };
}

export interface FetchWords {
  hostList: string;
  walDirectory: string;
  name: string;
  path: string;
  delaySeconds: string | undefined;
}

export function fetchWords(words: readonly string[]): FetchWords {
  const [hostList, walDirectory, name, path, delaySeconds] = words;
  if (words.length < 4 || words.length > 5 || !hostList || !walDirectory || !name || !path) {
    throw usageFailure(commandSpec, `expected 'HOST1 HOST2' SRC-DIR %f %p [DELAY-SECONDS], got ${words.length} words`);
  }
  return { hostList, walDirectory, name, path, delaySeconds };
}

function parseOnUnavailable(text: string): OnUnavailable {
  if (text === 'auto' || text === 'retry' || text === 'abort' || text === 'end') return text;
  throw new Failure('usage', `--on-unavailable ${JSON.stringify(text)} is none of auto, retry, abort, end`);
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
