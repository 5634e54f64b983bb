import { chown, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterDirectory } from '../archive/cluster-directory.ts';
import { readClusterRecord } from '../archive/identity.ts';
import { Activity } from '../base/activity.ts';
import type { Clock } from '../base/clock.ts';
import { Failure, systemErrorCode } from '../base/failure.ts';
import { toDiskFailure } from '../files/disk-error.ts';
import { readNewestEvents } from '../files/event-reader.ts';
import type { RecordedEvent } from '../files/event-text.ts';
import type { WalPlace } from '../wal/backup-label.ts';
import type { ArchivePlace } from './archive-place.ts';
import type { BackupSource } from './backup-source.ts';
import type { HostSurvey } from './host-survey.ts';
import { thisHost } from './host-view.ts';
import { openBackupFile } from './open-backup-file.ts';
import { Pins } from './pins.ts';
import { surveyHost } from './survey-host.ts';

const pieceBytes = 2 * 2 ** 20;

/** A cluster directory of this machine, named after the machine. It has no sessions, so `close` ends nothing. */
export class LocalPlace implements ArchivePlace {
  readonly name = thisHost;
  readonly isLocal = true;
  private readonly directory: ClusterDirectory;
  private readonly options: { cluster: string; program: string; clock: Clock };

  constructor(directory: ClusterDirectory, options: { cluster: string; program: string; clock: Clock }) {
    this.directory = directory;
    this.options = options;
  }

  async survey(): Promise<HostSurvey> {
    const { cluster, program, clock } = this.options;
    try {
      return await surveyHost(this.directory, { cluster, program, nowMs: clock.nowMs() });
    } catch (error) {
      throw toDiskFailure(error, `reading ${this.directory.path}`);
    }
  }

  async events(query: { newest: number; sinceMs?: number }): Promise<RecordedEvent[]> {
    try {
      return await readNewestEvents(this.directory.eventsFile, query);
    } catch (error) {
      throw toDiskFailure(error, `reading ${this.directory.eventsFile}`);
    }
  }

  backup(name: string): BackupSource {
    return { host: this.name, backup: name, read: (file, signal) => this.read(name, file, signal) };
  }

  async pin(id: string, { holder, from, ttlMs }: { holder: string; from: WalPlace; ttlMs: number }): Promise<void> {
    const nowMs = this.options.clock.nowMs();
    await new Pins(this.directory).set({ id, holder, from, expiresMs: nowMs + ttlMs }, nowMs);
    await this.giveToOwner([this.directory.stateDirectory, this.directory.pinsDirectory, this.pathOfPin(id)]);
  }

  async unpin(id: string): Promise<void> {
    await new Pins(this.directory).remove(id);
  }

  async close(): Promise<void> {}

  private async *read(backup: string, file: string, signal: AbortSignal): AsyncGenerator<Buffer> {
    const { clock } = this.options;
    signal.throwIfAborted();
    try {
      const identity = await readClusterRecord(this.directory);
      if (identity === undefined) throw new Failure('not_initialized', `${this.directory.path} has no cluster.json`);
      const look = { nowMs: clock.nowMs(), activity: new Activity() };
      const opened = await openBackupFile(this.directory, identity, { backup, file }, look);
      try {
        let sizeBytes = 0;
        for await (const piece of opened.chunksAhead({ pieceBytes })) {
          signal.throwIfAborted();
          sizeBytes += piece.length;
          yield piece;
        }
        if (sizeBytes !== opened.sizeBytes)
          throw new Failure('damaged', `${file} of ${backup} changed while it was read`);
      } finally {
        await opened.close();
      }
    } catch (error) {
      throw toDiskFailure(error, `reading ${file} of ${backup}`);
    }
  }

  /** What root makes in an archive belongs to the archive's user: else that one could not read, renew or remove it. */
  private async giveToOwner(paths: readonly string[]): Promise<void> {
    if (process.getuid?.() !== 0) return;
    const { uid, gid } = await stat(this.directory.path);
    for (const path of paths) {
      try {
        await chown(path, uid, gid);
      } catch (error) {
        // A pin may have ended meanwhile.
        if (systemErrorCode(error) !== 'ENOENT') throw error;
      }
    }
  }

  private pathOfPin(id: string): string {
    return join(this.directory.pinsDirectory, `${id}.json`);
  }
}
