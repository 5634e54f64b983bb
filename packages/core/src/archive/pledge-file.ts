import { mkdir, readFile, stat, unlink } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { Failure, systemErrorCode } from '../base/failure.ts';
import { replaceFileDurably } from '../files/atomic-file.ts';
import { syncDirectory } from '../files/directory-sync.ts';
import { tryLock } from '../files/lock.ts';
import type { ClusterDirectory } from './cluster-directory.ts';
import type { KnownWal, Pledge, PledgeState } from './pledge.ts';

const lockPatienceMs = 2000;
const lockRetryMs = 20;
const states: readonly string[] = ['pending', 'held', 'ended', 'waived'];

/** `state/pledge.json` of a cluster's directory: durable, and changed by one process at a time. */
export class PledgeFile {
  private readonly directory: ClusterDirectory;
  private readonly clock: Clock;

  constructor(directory: ClusterDirectory, clock: Clock) {
    this.directory = directory;
    this.clock = clock;
  }

  /** Undefined when there is none. Throws Failure `damaged` when it cannot be understood: then it binds, and nobody may rely on it. */
  async read(): Promise<Pledge | undefined> {
    const path = this.directory.pledgeFile;
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
    try {
      return parsePledge(text);
    } catch (error) {
      throw new Failure('damaged', `${path} cannot be read as a pledge`, {
        cause: error,
        hint: 'See "archive_remote_cmd pledge" in the README: on this host, "archive_remote_cmd pledge waive" replaces it.',
      });
    }
  }

  /** What is held and may be relied on: made since this machine started, in this very directory. Undefined for anything else. */
  async reliable(): Promise<Pledge | undefined> {
    const pledge = await this.read();
    if (pledge?.state !== 'held') return undefined;
    const isOfNow = pledge.bootId === (await bootId()) && pledge.place === (await this.place());
    return isOfNow ? pledge : undefined;
  }

  /** Durable on return. Only under the lock. */
  async write(state: PledgeState, partner: string, known: KnownWal): Promise<void> {
    const nowMs = this.clock.nowMs();
    const { newest, histories } = known;
    const since = new Date(nowMs).toISOString();
    const json = {
      format: 1,
      state,
      partner,
      since,
      bootId: await bootId(),
      place: await this.place(),
      newest,
      histories,
    };
    await replaceFileDurably(this.directory.pledgeFile, `${JSON.stringify(json, null, 2)}\n`, nowMs);
  }

  /** Durable on return. Only under the lock. */
  async remove(): Promise<void> {
    try {
      await unlink(this.directory.pledgeFile);
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
    }
    await syncDirectory(this.directory.stateDirectory);
  }

  /** Runs while nobody else on this host changes the pledge. Throws Failure `busy` when somebody does for too long. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    if ((await mkdir(this.directory.stateDirectory, { recursive: true, mode: 0o700 })) !== undefined) {
      await syncDirectory(this.directory.path);
    }
    const giveUpMs = this.clock.monotonicMs() + lockPatienceMs;
    for (;;) {
      const lock = tryLock(this.directory.pledgeLock);
      if (lock !== undefined) {
        try {
          return await work();
        } finally {
          lock.release();
        }
      }
      if (this.clock.monotonicMs() > giveUpMs)
        throw new Failure('busy', 'another session changes the pledge of two copies');
      await this.clock.sleep(lockRetryMs);
    }
  }

  private async place(): Promise<string> {
    const { dev, ino } = await stat(this.directory.stateDirectory);
    return `${dev}-${ino}`;
  }
}

/** Another one after each start of the machine. */
async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

function parsePledge(text: string): Pledge {
  const {
    format,
    state,
    partner,
    since,
    bootId: boot,
    place,
    newest,
    histories,
  } = JSON.parse(text) as Record<string, unknown>;
  if (format !== 1) throw new Error(`format ${String(format)} is not 1`);
  if (typeof state !== 'string' || !isState(state)) throw new Error(`state ${String(state)} is none`);
  if (
    typeof partner !== 'string' ||
    typeof since !== 'string' ||
    typeof boot !== 'string' ||
    typeof place !== 'string'
  ) {
    throw new Error('a text is missing');
  }
  return { state, partner, since, bootId: boot, place, newest: texts(newest), histories: texts(histories) };
}

function isState(text: string): text is PledgeState {
  return states.includes(text);
}

function texts(value: unknown): string[] {
  if (Array.isArray(value) && value.every((item): item is string => typeof item === 'string')) return value;
  throw new Error('a list of names is missing');
}
