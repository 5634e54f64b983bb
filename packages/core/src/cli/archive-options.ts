import { readFileSync } from 'node:fs';
import { ClusterDirectory } from '../archive/cluster-directory.ts';
import { checkClusterName, readClusterRecord } from '../archive/identity.ts';
import type { ArchivePlace } from '../backups/archive-place.ts';
import { LocalPlace } from '../backups/local-place.ts';
import { RemotePlace } from '../backups/remote-place.ts';
import type { Clock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { Log } from '../base/log.ts';
import { type HostSpec, parseHostList } from '../hosts/host-spec.ts';
import { openArchiveSession } from '../hosts/session-opener.ts';
import type { Right } from '../protocol/messages.ts';
import { peerOfThisHost, readPeer } from './archive-host-settings.ts';
import type { CommandSpec } from './command-spec.ts';
import { optionalText, requiredText, secondsToMs } from './option-values.ts';
import { programVersion } from './version.ts';

/** The options of a command that reads a cluster's archives, wherever it runs: on an archive host, or elsewhere. */
export const archiveOptions: CommandSpec['options'] = {
  cluster: { type: 'string', describe: 'name of the cluster (default: that of the cluster directory here)' },
  'cluster-dir': { type: 'string', describe: 'cluster directory on the archive hosts, absolute, the same on both' },
  hosts: {
    type: 'string',
    describe:
      'the archive hosts, "archive@arch1 archive@arch2", "-" for this machine (default: this machine, if it is one, and its peer)',
  },
  peer: {
    type: 'string',
    describe: 'on an archive host: the other one (default: that of archive_remote_cmd); --no-peer where there is none',
  },
  'connect-timeout': { type: 'string', default: '3', describe: 'seconds to reach an archive host' },
  'stall-timeout': {
    type: 'string',
    default: '10',
    describe: 'seconds without a sign of an archive host before it is given up',
  },
  'remote-cmd': { type: 'string', default: 'archive_remote_cmd', describe: 'its name or path on the archive hosts' },
};

/** An archive as it was named. */
export type NamedArchive =
  | { readonly kind: 'here' }
  | { readonly kind: 'host'; readonly name: string; readonly spec: HostSpec };

/** The archives of a cluster as a command was told of them: one or two. */
export interface ArchiveSettings {
  readonly cluster: string;
  readonly directory: ClusterDirectory;
  readonly archives: readonly NamedArchive[];
  readonly connectTimeoutMs: number;
  readonly stallTimeoutMs: number;
  readonly remoteProgram: string;
}

/**
 * Which archives are meant: those of --hosts; else, on an archive host, this machine and its peer. Throws Failure `usage` when that is
 * not told: nobody should take one of two hosts for all there is.
 */
export async function readArchiveOptions(options: Record<string, unknown>): Promise<ArchiveSettings> {
  const directory = new ClusterDirectory(requiredText(options, 'cluster-dir'));
  const here = await clusterHere(directory);
  const said = optionalText(options, 'cluster');
  const archives = readArchives(options, here !== undefined && (said ?? here) === here);
  const cluster = said ?? (archives.some(({ kind }) => kind === 'here') ? here : undefined);
  if (cluster === undefined) {
    throw new Failure('usage', '--cluster is missing', { hint: 'Name the cluster as its archive hosts do.' });
  }
  return {
    cluster: checkClusterName(cluster),
    directory,
    archives,
    connectTimeoutMs: secondsToMs(options, 'connect-timeout', 0.1, 600),
    stallTimeoutMs: secondsToMs(options, 'stall-timeout', 0.1, 600),
    remoteProgram: requiredText(options, 'remote-cmd'),
  };
}

/** The cluster that this machine has an archive of in this directory; undefined where it has none, or none that this user may read. */
async function clusterHere(directory: ClusterDirectory): Promise<string | undefined> {
  try {
    readFileSync(directory.identityFile);
  } catch {
    return undefined;
  }
  return (await readClusterRecord(directory))?.cluster;
}

function readArchives(options: Record<string, unknown>, isArchiveHost: boolean): NamedArchive[] {
  const list = optionalText(options, 'hosts');
  if (list !== undefined && list.trim() !== '') return parseArchives(list);
  if (!isArchiveHost) {
    throw new Failure('usage', '--hosts is missing: this machine has no archive of the cluster', {
      hint: 'Name the archive hosts, as in --hosts "archive@arch1 archive@arch2", or in the settings file as hosts=….',
    });
  }
  if (options['peer'] === false) return [{ kind: 'here' }];
  const said = optionalText(options, 'peer') || peerOfThisHost();
  if (said === undefined) {
    throw new Failure('usage', 'no peer is named, and one archive host alone may not be all there is', {
      hint: 'Say --peer archive@arch2, or peer=… in /etc/default/archive_remote_cmd; where there is none, --no-peer.',
    });
  }
  const peer = readPeer(said);
  return [{ kind: 'here' }, { kind: 'host', name: said.includes('=') ? peer.name : peer.spec.text, spec: peer.spec }];
}

/** One or two archive hosts, separated by spaces or commas; "-" is this machine. Throws Failure `usage`. */
export function parseArchives(text: string): NamedArchive[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  const hosts = words.filter((word) => word !== '-');
  const specs = hosts.length === 0 ? [] : parseHostList(hosts.join(' '));
  if (words.length > 2 || words.length - hosts.length > 1) {
    throw new Failure(
      'usage',
      `${words.length} archives are named, of which at most one is this machine, and two in all`,
    );
  }
  return words.map((word) => {
    const spec = specs.find((it) => it.text === word);
    return spec === undefined ? { kind: 'here' } : { kind: 'host', name: word, spec };
  });
}

export interface PlaceWorld {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The archives as places to read from, in their order. Nothing is connected yet. `right` is what is asked for where no forced command
 * says what a key may: `get` to restore, `status` to look.
 */
export function openArchivePlaces(settings: ArchiveSettings, right: Right, world: PlaceWorld): ArchivePlace[] {
  const { cluster, directory, archives } = settings;
  const { clock } = world;
  return archives.map((archive) =>
    archive.kind === 'here'
      ? new LocalPlace(directory, { cluster, program: programVersion, clock })
      : new RemotePlace(archive.name, () => openSession(settings, archive.spec, right, world)),
  );
}

async function openSession(
  { cluster, directory, connectTimeoutMs, stallTimeoutMs, remoteProgram }: ArchiveSettings,
  spec: HostSpec,
  right: Right,
  { environment, clock, log }: PlaceWorld,
) {
  const agentSocket = environment['SSH_AUTH_SOCK'];
  return await openArchiveSession(spec, {
    connectTimeoutMs,
    stallTimeoutMs,
    ...(agentSocket === undefined ? {} : { agentSocket }),
    serve: { program: remoteProgram, clusterDirectory: directory.path, cluster, allow: [right] },
    session: { cluster, walDirectory: directory.walDirectory, program: programVersion, clock, log },
  });
}
