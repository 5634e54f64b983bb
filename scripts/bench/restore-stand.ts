import { ArchiveStand } from '../../test/support/archive-stand.ts';
import type { Machine } from '../../test/support/machine.ts';
import { type Backup, PostgresCluster } from '../../test/support/postgres-cluster.ts';
import { BIN_DIRECTORY } from '../../test/support/repository.ts';
import { asInstalled } from './as-installed.ts';
import { bringIntoMemory } from './page-cache.ts';
import { ARCHIVE_OF_PGBACKREST, PgBackRest } from './pgbackrest.ts';
import { benchSettings, writeSegments } from './write-segments.ts';

/** A way to get archive files: the words of restore_command, the directories in which they lie, and how to make the next run start cold. */
export interface Source {
  label: string;
  restoreCommand: string;
  directories: readonly Place[];
  reset(): Promise<void>;
}

interface Place {
  machine: Machine;
  directory: string;
}

/**
 * A primary whose base backup and whose WAL since then, real segments of 16 MB, lie in our archive, in pgBackRest's repositories on the
 * same hosts, and decompressed in a directory of the machine that restores.
 */
export class RestoreStand {
  readonly stand: ArchiveStand;
  readonly restorer: Machine;
  readonly backup: Backup;
  /** Names, oldest first, of full segments that follow one another. */
  readonly segments: readonly string[];
  readonly sources: Readonly<Record<'ours' | 'ssh' | 'tls' | 'cp', Source>>;

  private constructor(parts: Pick<RestoreStand, 'stand' | 'restorer' | 'backup' | 'segments' | 'sources'>) {
    this.stand = parts.stand;
    this.restorer = parts.restorer;
    this.backup = parts.backup;
    this.segments = parts.segments;
    this.sources = parts.sources;
  }

  static async create(stand: ArchiveStand, segments: number): Promise<RestoreStand> {
    const restorer = await stand.stand.machine('restorer');
    await stand.admit(restorer, 'get');
    const primary = await PostgresCluster.init(stand.primary, {
      name: 'source',
      walSegmentSizeMb: 16,
      settings: { ...benchSettings, wal_keep_size: '0' },
    });
    await primary.start();
    const peer = await PgBackRest.create(stand, primary);
    const backRestPush = peer.command('tls', 'archive-push', '%p').join(' ');
    await primary.setArchiveCommand(`${stand.archiveCommand()} && ${backRestPush}`);
    const backup = await primary.backup(undefined, { wal: 'none' });
    const first = await primary.switchWal();
    const names = await writeSegments(primary, segments);
    await primary.waitForArchived(await primary.switchWal(), 300_000);
    await primary.stop();
    const copy = '/var/lib/postgresql/source';
    await peer.admit(restorer, copy);
    const local = '/var/lib/postgresql/wal';
    await copyDecompressed(stand, restorer, local, [first, ...names]);
    const onHosts = (directory: string) => stand.hosts.map(({ machine }) => ({ machine, directory }));
    const peerSource = (transport: 'ssh' | 'tls'): Source => ({
      label: `pgBackRest, asynchronous, ${transport.toUpperCase()}`,
      directories: onHosts(ARCHIVE_OF_PGBACKREST),
      restoreCommand: peer.command(transport, 'archive-get', '%f', '"%p"').join(' '),
      reset: () => peer.clearSpool(restorer),
    });
    const sources = {
      ours: {
        label: 'restore_cmd',
        restoreCommand: stand.restoreCommand(),
        directories: onHosts(stand.walDirectory),
        reset: async () => {
          // Fails when none runs.
          await restorer.run([`${BIN_DIRECTORY}/restore_cmd`, 'agent', 'stop']);
        },
      },
      ssh: peerSource('ssh'),
      tls: peerSource('tls'),
      cp: {
        label: 'cp from a local directory',
        restoreCommand: `cp ${local}/%f "%p"`,
        directories: [{ machine: restorer, directory: local }],
        reset: async () => undefined,
      },
    };
    return new RestoreStand({ stand, restorer, backup, segments: names, sources });
  }

  /** As a run has to find the machine: nothing fetched ahead, and the source's files in the page cache. */
  async prepare(source: Source): Promise<void> {
    await source.reset();
    asInstalled();
    for (const { machine, directory } of source.directories) bringIntoMemory(machine.path(directory));
  }

  /** A copy of the base backup on the restoring machine, that recovers from a source when it is started. */
  async copy(source: Source, { standby = false }: { standby?: boolean } = {}): Promise<PostgresCluster> {
    await this.restorer.check(['rm', '-rf', '/var/lib/postgresql/source']);
    return await PostgresCluster.fromBackup(this.restorer, this.backup, {
      name: 'source',
      port: 5432,
      standby,
      restoreCommand: source.restoreCommand,
      settings: { archive_mode: false, archive_command: '' },
    });
  }
}

async function copyDecompressed(
  stand: ArchiveStand,
  machine: Machine,
  directory: string,
  names: readonly string[],
): Promise<void> {
  machine.makeDirectory(directory);
  const stored = stand.arch1.files(stand.walDirectory);
  for (const name of new Set([...names, ...stored])) {
    const content = stand.content(stand.arch1, name);
    if (content === undefined) throw new Error(`${name} is not on arch1`);
    machine.writeFile(`${directory}/${name}`, content);
  }
}
