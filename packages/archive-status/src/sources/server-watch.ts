import { type ConnectSettings, connect } from '@archive2/core/postgres/connect.ts';
import type { Connection } from '@archive2/core/postgres/connection.ts';
import type { NamedServer } from '@archive2/core/postgres/each-server.ts';
import { type Known, unknown } from '../model/known.ts';
import { askSource } from './ask-source.ts';
import { type LocalDisk, lookAtLocalWal } from './local-wal-disk.ts';
import {
  askDataDirectory,
  askServer,
  askWalDirectory,
  type ServerAnswer,
  type WalDirectoryAnswer,
} from './server-queries.ts';

/** What one server said; each part for itself. */
export interface ServerLook {
  readonly name: string;
  /** By our clock, when the answer came; and how long it took. */
  readonly answeredAtMs: number;
  readonly tookMs: number;
  readonly answer: Known<ServerAnswer>;
  readonly walDirectory: Known<WalDirectoryAnswer>;
  readonly walDisk: Known<LocalDisk>;
}

type Clock = { nowMs(): number; monotonicMs(): number };

/** One server over one connection, which is kept between two looks and made anew when it failed. */
export class ServerWatch {
  readonly #server: NamedServer;
  readonly #settings: ConnectSettings;
  readonly #clock: Clock;
  #connection: Connection | undefined;
  /** A look that hangs: no second one is begun beside it. */
  #underWay: Promise<unknown> | undefined;

  constructor(server: NamedServer, settings: ConnectSettings, clock: Clock) {
    this.#server = server;
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Never rejects, and resolves by the timeout. */
  async look(timeoutMs: number): Promise<ServerLook> {
    const { name } = this.#server;
    const startedMs = this.#clock.monotonicMs();
    const giveUpMs = startedMs + timeoutMs;
    const restMs = () => Math.max(1, giveUpMs - this.#clock.monotonicMs());
    const wasKept = this.#connection !== undefined;
    let answer = await askSource(name, timeoutMs, () => this.#once(askServer));
    if (!answer.known && wasKept && restMs() > timeoutMs / 2) {
      // The server was started again since: that is known only by asking.
      this.#drop();
      answer = await askSource(name, restMs(), () => this.#once(askServer));
    }
    const [answeredAtMs, tookMs] = [this.#clock.nowMs(), this.#clock.monotonicMs() - startedMs];
    const base = { name, answeredAtMs, tookMs, answer };
    if (!answer.known) {
      this.#drop();
      return { ...base, walDirectory: answer, walDisk: answer };
    }
    const { mayLookIntoWal, mayReadSettings, timeline } = answer.value;
    const walDirectory = mayLookIntoWal
      ? await askSource(name, restMs(), () => this.#once((connection) => askWalDirectory(connection, timeline)))
      : unknown(`${name}: the login may not look into pg_wal (GRANT pg_monitor)`);
    const path: Known<string> = mayReadSettings
      ? await askSource(name, restMs(), () => this.#once(askDataDirectory))
      : unknown(`${name}: the login may not read data_directory (GRANT pg_monitor)`);
    const walDisk = path.known ? await lookAtLocalWal(name, path.value, answer.value) : path;
    if ((mayLookIntoWal && !walDirectory.known) || (mayReadSettings && !path.known)) this.#drop();
    return { ...base, walDirectory, walDisk };
  }

  close(): void {
    this.#drop();
  }

  async #once<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    if (this.#underWay !== undefined) throw new Error('an earlier question is not answered yet');
    const run = (async () => {
      const connection = this.#connection ?? (await connect(this.#server.conninfo, this.#settings));
      this.#connection = connection;
      return await work(connection);
    })();
    const settled = run.then(
      () => undefined,
      () => undefined,
    );
    this.#underWay = settled;
    try {
      return await run;
    } finally {
      if (this.#underWay === settled) this.#underWay = undefined;
    }
  }

  #drop(): void {
    // With a question under way the driver closes the socket at once; nobody waits for a goodbye.
    this.#connection?.end().catch(() => undefined);
    this.#connection = undefined;
  }
}
