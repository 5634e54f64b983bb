import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseStat } from './process-table.ts';

/**
 * The process that cleans up after a stand. It lives in a session of its own and reads a pipe from us: the pipe ends
 * when we say so or when we die, whichever way, and both take the same path, so that every test run proves it.
 */
export class Reaper {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #stderr = '';

  constructor() {
    this.#child = spawn('/bin/sh', [join(import.meta.dirname, 'reaper.sh')], {
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    this.#ended = new Promise((resolve, reject) => {
      this.#child.on('error', reject);
      this.#child.on('close', resolve);
    });
  }

  /** Call at once after the process was started. */
  ownProcess(pid: number): void {
    this.#tell(`process ${pid} ${parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8')).startTime}`);
  }

  ownBridge(name: string): void {
    this.#tell(`bridge ${name}`);
  }

  ownDirectory(path: string): void {
    this.#tell(`directory ${path}`);
  }

  /** Returns when everything is gone. @throws Error naming what is left. */
  async finish(): Promise<void> {
    this.#child.stdin?.end();
    const status = await this.#ended;
    if (status !== 0) {
      throw new Error(`the stand's reaper ended with ${status}: ${this.#stderr.trim()}`);
    }
  }

  #tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }
}
