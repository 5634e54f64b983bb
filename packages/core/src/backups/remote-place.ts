import type { RecordedEvent } from '../files/event-text.ts';
import type { ArchiveSession } from '../hosts/archive-session.ts';
import { pinWal } from '../hosts/ask.ts';
import { fetchBackupFile } from '../hosts/fetch-backup-file.ts';
import { requestEvents } from '../hosts/request-events.ts';
import { requestSurvey } from '../hosts/request-survey.ts';
import type { WalPlace } from '../wal/backup-label.ts';
import { formatLsn } from '../wal/lsn.ts';
import type { ArchivePlace } from './archive-place.ts';
import type { BackupSource } from './backup-source.ts';
import type { HostSurvey } from './host-survey.ts';
import { maxSurveyBytes, parseHostSurvey } from './survey-text.ts';

/**
 * An archive host behind sessions. Each file that is read has a session of its own while it is read: they stream side by side, and a
 * reader that leaves one in the middle ends its session. Sessions that are free are used again.
 */
export class RemotePlace implements ArchivePlace {
  readonly name: string;
  readonly isLocal = false;
  private readonly open: () => Promise<ArchiveSession>;
  /** All that were opened and have not ended, and those of them that nobody uses. */
  private readonly sessions = new Set<ArchiveSession>();
  private readonly free: ArchiveSession[] = [];
  private isClosed = false;

  /** `open` connects and logs in, and throws the Failure that says why not. */
  constructor(name: string, open: () => Promise<ArchiveSession>) {
    this.name = name;
    this.open = open;
  }

  async survey(): Promise<HostSurvey> {
    return await this.withSession(async (session) => parseHostSurvey(await requestSurvey(session, maxSurveyBytes)));
  }

  async events(query: { newest: number; sinceMs?: number }): Promise<RecordedEvent[]> {
    return await this.withSession((session) => requestEvents(session, query));
  }

  backup(name: string): BackupSource {
    return { host: this.name, backup: name, read: (file, signal) => this.read(name, file, signal) };
  }

  async pin(id: string, { holder, from, ttlMs }: { holder: string; from: WalPlace; ttlMs: number }): Promise<void> {
    const { timeline, lsn } = from;
    const pin = { pin: id, holder, timeline, from: formatLsn(lsn), ttlSeconds: Math.max(1, Math.ceil(ttlMs / 1000)) };
    await this.withSession((session) => pinWal(session, pin));
  }

  async unpin(id: string): Promise<void> {
    const nothing = { holder: 'none', timeline: 1, from: '0/0' };
    await this.withSession((session) => pinWal(session, { pin: id, ...nothing, ttlSeconds: 0 }));
  }

  async close(): Promise<void> {
    this.isClosed = true;
    for (const session of this.sessions) session.close();
  }

  private async *read(backup: string, file: string, signal: AbortSignal): AsyncGenerator<Buffer> {
    signal.throwIfAborted();
    const session = await this.take();
    const stop = () => session.close();
    signal.addEventListener('abort', stop, { once: true });
    let isWhole = false;
    try {
      // It may have been aborted while a session was opened.
      signal.throwIfAborted();
      const { chunks } = await fetchBackupFile(session, { backup, file });
      for await (const chunk of chunks) {
        yield chunk;
        signal.throwIfAborted();
      }
      isWhole = true;
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
      // The rest of a file that nobody wants any more would still come.
      if (isWhole) this.give(session);
      else session.close();
    }
  }

  private async withSession<T>(work: (session: ArchiveSession) => Promise<T>): Promise<T> {
    const session = await this.take();
    try {
      const result = await work(session);
      this.give(session);
      return result;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  private async take(): Promise<ArchiveSession> {
    for (let session = this.free.pop(); session !== undefined; session = this.free.pop()) {
      if (session.isOpen) return session;
    }
    const session = await this.open();
    this.sessions.add(session);
    const forget = () => this.sessions.delete(session);
    session.closed.then(forget, forget);
    if (this.isClosed) session.close();
    return session;
  }

  private give(session: ArchiveSession): void {
    if (session.isOpen) this.free.push(session);
  }
}
