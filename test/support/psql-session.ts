import type { Program } from './program.ts';

/** One connection, held by a psql that reads statements from us. */
export class PsqlSession {
  readonly #psql: Program;
  #unread = '';
  #statements = 0;
  #wake: () => void = () => undefined;

  constructor(psql: Program) {
    this.#psql = psql;
    psql.output.on('data', (chunk: Buffer) => {
      this.#unread += chunk.toString();
      this.#wake();
    });
    psql.onExit(() => this.#wake());
  }

  /** Runs one statement and returns its rows as lines. One at a time. @throws Error when the connection is lost. */
  async query(statement: string): Promise<string[]> {
    this.#statements += 1;
    const mark = `-- end of statement ${this.#statements}\n`;
    this.#psql.input.write(`${statement};\n\\echo ${mark}`);
    while (!this.#unread.endsWith(mark)) {
      if (!this.#psql.isRunning) {
        throw new Error(`the session ended during ${statement}: ${this.#psql.stderr.trim()}`);
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const rows = this.#unread.slice(0, -mark.length).split('\n').slice(0, -1);
    this.#unread = '';
    return rows;
  }

  /** Ends the connection in order; fine when it was lost. */
  async close(): Promise<void> {
    this.#psql.input.end();
    await this.#psql.endWithin(10_000);
  }
}
