import { readdir } from 'node:fs/promises';
import type { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import { readCleanupState } from '@archive2/core/backups/cleanup-state.ts';
import { Failure, systemErrorCode } from '@archive2/core/base/failure.ts';
import { peerOfThisHost, readPeer } from '@archive2/core/cli/archive-host-settings.ts';
import { readSettingsFile, settingsOfEnvironment } from '@archive2/core/cli/settings-file.ts';
import type { Peer } from '@archive2/core/hosts/peer.ts';
import type { CleanupOptions } from './options.ts';

/**
 * The peer that is to be asked: the one that was said, else the one that this host is configured with. Undefined only for a site that
 * says it has none, and where nothing tells otherwise. Throws Failure `usage`.
 */
export async function choosePeer(
  options: CleanupOptions,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Peer | undefined> {
  const configured = configuredPeer(environment);
  if (options.hasNoPeer) {
    await checkIsAlone(options, configured);
    return undefined;
  }
  const said = options.peer ?? configured;
  if (said === undefined || said === '') {
    throw new Failure('usage', 'no peer is named, and removing WAL without asking the other archive host is not safe', {
      hint: 'Name it as PEER-HOST or in /etc/default/archive_remote_cmd (peer=arch2); where there is none, say --no-peer.',
    });
  }
  return readPeer(said);
}

function configuredPeer(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const own = [settingsOfEnvironment(environment), readSettingsFile('/etc/default/wal-cleanup')];
  return [...own.map(({ peer }) => peer), peerOfThisHost()].find((peer) => peer !== undefined && peer !== '');
}

/** A host that had a peer a while ago may have one still, with backups that need what is only here. */
async function checkIsAlone({ directory, peer, force }: CleanupOptions, configured: string | undefined): Promise<void> {
  const named = peer ?? configured;
  if (named !== undefined) {
    throw new Failure('usage', `--no-peer is said, but ${named} is named as the peer`, {
      hint: 'Look at the command line, ARCHIVE2_PEER, and peer= in /etc/default/wal-cleanup and archive_remote_cmd.',
    });
  }
  const trace = (await readCleanupState(directory))?.peer ?? (await debtorNames(directory))[0];
  if (trace === undefined || force) return;
  throw new Failure('cleanup_refused', `--no-peer is said, but this host had the peer ${trace}`, {
    hint: `If ${trace} is gone for good, remove ${directory.debtsDirectory(trace)} and say --no-peer --force once.`,
  });
}

async function debtorNames(directory: ClusterDirectory): Promise<string[]> {
  try {
    return await readdir(directory.debtsRoot);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
