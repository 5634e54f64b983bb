import type { Clock } from '../base/clock.ts';
import { Failure, systemErrorCode } from '../base/failure.ts';
import { openSqlite, type SqliteDatabase } from './sqlite-door.ts';

/** Between two tries for the lock. Waiting inside SQLite would stop the whole process. */
const RETRY_MS = 20;

/**
 * The file of an embedded queue. Changes are durable when their transaction returns (WAL mode, synchronous FULL); readers
 * don't wait for writers. The file system must not be one of a network.
 */
export class SqliteConnection {
  readonly path: string;
  readonly #database: SqliteDatabase;
  readonly #clock: Clock;
  readonly #lockTimeoutMs: number;

  private constructor(path: string, database: SqliteDatabase, clock: Clock, lockTimeoutMs: number) {
    this.path = path;
    this.#database = database;
    this.#clock = clock;
    this.#lockTimeoutMs = lockTimeoutMs;
  }

  /** Opens or creates the file. Throws `queue_unavailable` when that can't be done, or it is no database. */
  static async open(path: string, clock: Clock, lockTimeoutMs: number): Promise<SqliteConnection> {
    const database = await openSqlite(path).catch((error: unknown) => {
      throw storeFailure(path, error);
    });
    const connection = new SqliteConnection(path, database, clock, lockTimeoutMs);
    try {
      await connection.#retry(() => {
        database.exec('PRAGMA busy_timeout = 0');
        database.exec('PRAGMA foreign_keys = ON');
        database.exec('PRAGMA synchronous = FULL');
        database.exec('PRAGMA journal_mode = WAL');
      });
    } catch (error) {
      database.close();
      throw error;
    }
    return connection;
  }

  /**
   * Runs the work, which must not wait for anything, as one transaction that nobody else writes beside; durable when this returns.
   * What it throws rolls back. Throws `queue_unavailable` when the lock was not free in time, or the disk fails.
   */
  async write<T>(work: (database: SqliteDatabase) => T): Promise<T> {
    return await this.#transaction('BEGIN IMMEDIATE', work);
  }

  /** As `write`, for work that only reads: it sees one moment's state. */
  async read<T>(work: (database: SqliteDatabase) => T): Promise<T> {
    return await this.#transaction('BEGIN', work);
  }

  close(): void {
    this.#database.close();
  }

  async #transaction<T>(begin: string, work: (database: SqliteDatabase) => T): Promise<T> {
    return await this.#retry(() => {
      this.#database.exec(begin);
      try {
        const result = work(this.#database);
        this.#database.exec('COMMIT');
        return result;
      } catch (error) {
        this.#rollBack();
        throw error;
      }
    });
  }

  #rollBack(): void {
    try {
      this.#database.exec('ROLLBACK');
    } catch {
      // SQLite has rolled back by itself, as it does after errors of the disk. The first error is the one that counts.
    }
  }

  async #retry<T>(work: () => T): Promise<T> {
    const giveUpMs = this.#clock.monotonicMs() + this.#lockTimeoutMs;
    for (;;) {
      try {
        return work();
      } catch (error) {
        if (!isBusy(error) || this.#clock.monotonicMs() >= giveUpMs) throw storeFailure(this.path, error);
        await this.#clock.sleep(RETRY_MS);
      }
    }
  }
}

function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(systemErrorCode(error) ?? '');
}

function storeFailure(path: string, error: unknown): unknown {
  if (error instanceof Failure) return error;
  const code = systemErrorCode(error) ?? '';
  if (!code.startsWith('SQLITE_') && code !== 'ERR_SQLITE_ERROR') return error;
  const message = error instanceof Error ? error.message : String(error);
  const hint = isBusy(error)
    ? 'Another program holds it locked. Close what has it open, as a sqlite3 shell in a transaction.'
    : 'Check that the file, its directory and their owner are right, and that the disk has space.';
  return new Failure('queue_unavailable', `the queue ${path} cannot be used: ${message}`, { hint, cause: error });
}
