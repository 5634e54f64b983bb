import { lstat, mkdir, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isOursAlone } from '@archive2/core/agent/state-directory.ts';
import { Failure, systemErrorCode } from '@archive2/core/base/failure.ts';
import { type HeldLock, tryLock } from '@archive2/core/files/lock.ts';

/** Where a drill puts everything; nothing of it lies elsewhere, and nobody else may enter it. */
export class Scratch {
  readonly directory: string;
  private readonly lock: HeldLock;

  private constructor(directory: string, lock: HeldLock) {
    this.directory = directory;
    this.lock = lock;
  }

  /**
   * Takes the lock of a cluster's drills and makes an empty scratch. What the last drill left, as the evidence of a failure or when its
   * machine was restarted, is removed. Throws `busy` while another drill is at work or somebody runs a server there, and `usage` for a
   * place that cannot be.
   */
  static async open(parent: string, cluster: string): Promise<Scratch> {
    const directory = join(parent, cluster);
    checkSocketRoom(directory);
    await mkdir(parent, { recursive: true, mode: 0o700 });
    const lock = tryLock(join(parent, `.${cluster}.lock`));
    if (lock === undefined) {
      throw new Failure('busy', `another drill of ${cluster} is at work in ${parent}`, { hint: 'Wait for it.' });
    }
    const scratch = new Scratch(directory, lock);
    try {
      await scratch.removeLeft();
      await mkdir(directory, { mode: 0o700 });
      await writeFile(join(directory, mark), 'Of a restore drill: the next one removes this directory.\n', {
        mode: 0o600,
      });
      for (const path of [scratch.socketDirectory, scratch.agentDirectory]) await mkdir(path, { mode: 0o700 });
      return scratch;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  get dataDirectory(): string {
    return join(this.directory, 'data');
  }

  /** Of a tablespace, by its OID. */
  spaceDirectory(oid: string): string {
    return join(this.directory, 'spaces', oid);
  }

  /** Of the server's configuration files. */
  get configDirectory(): string {
    return join(this.directory, 'conf');
  }

  get socketDirectory(): string {
    return join(this.directory, 's');
  }

  /** Of restore_cmd's agent: its socket, its log, and what it has fetched ahead. */
  get agentDirectory(): string {
    return join(this.directory, 'a');
  }

  get logFile(): string {
    return join(this.directory, 'server.log');
  }

  /** Removes all of it, its mark last: killed in between, the next drill still knows it for one. */
  async remove(): Promise<void> {
    for (const name of await readdir(this.directory)) {
      if (name !== mark) await rm(join(this.directory, name), { recursive: true, force: true, maxRetries: 3 });
    }
    await rm(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Others may drill from now on. */
  release(): void {
    this.lock.release();
  }

  private async removeLeft(): Promise<void> {
    const { directory } = this;
    if (!(await isThere(directory))) return;
    // One without anything in it was killed before it was marked.
    const isOfADrill = isOursAlone(directory) && ((await isThere(join(directory, mark))) || (await isEmpty(directory)));
    if (!isOfADrill) {
      throw new Failure('usage', `${directory} is there, and no drill has made it`, {
        hint: 'Name another --scratch, or move it away. Nothing was removed.',
      });
    }
    const pid = await serverIn(this.dataDirectory);
    if (pid !== undefined) {
      throw new Failure(
        'busy',
        `a server runs in ${this.dataDirectory} (pid ${pid}), from the last drill that failed`,
        {
          hint: `Stop it when it is not needed any more: kill -INT ${pid}`,
        },
      );
    }
    await this.remove();
  }
}

const mark = '.archive2-drill';
/** What a Unix socket's path may have on Linux, and our longest name below the scratch: the agent's socket. */
const longestSocketPath = 107;
const socketRoom = '/a/get-ffffffff-ffffffffffffffff.sock'.length;

function checkSocketRoom(directory: string): void {
  if (Buffer.byteLength(directory) + socketRoom <= longestSocketPath) return;
  throw new Failure('usage', `${directory} is too long a path: there are sockets in it`, {
    hint: `Name a --scratch with at most ${longestSocketPath - socketRoom} letters, the cluster's name included.`,
  });
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function isEmpty(directory: string): Promise<boolean> {
  return (await readdir(directory)).length === 0;
}

/** The pid of a server that runs in a data directory: one that was killed leaves its file, and the number may be another's by now. */
async function serverIn(dataDirectory: string): Promise<number | undefined> {
  try {
    const pid = Number((await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8')).split('\n')[0]);
    return (await readlink(`/proc/${pid}/cwd`)) === dataDirectory ? pid : undefined;
  } catch {
    // No file, or no such process.
    return undefined;
  }
}
