import { mkdir, readFile } from 'node:fs/promises';
import { Failure, systemErrorCode } from '../base/failure.ts';
import { replaceFileDurably } from '../files/atomic-file.ts';
import { type HeldLock, tryLock } from '../files/lock.ts';
import { type AcceptedHole, parseAcceptedHole } from '../wal/accepted-hole.ts';
import type { ClusterDirectory } from './cluster-directory.ts';

/** More than a person will ever accept; a bound on what a peer can make us keep. */
const mostHoles = 10_000;

/** The holes that a person has accepted on this host, or on the peer: `state/holes.json`. */
export class AcceptedHoles {
  private readonly cluster: ClusterDirectory;

  constructor(cluster: ClusterDirectory) {
    this.cluster = cluster;
  }

  /** In the order in which they were accepted. Throws Failure `damaged` when the file cannot be understood. */
  async list(): Promise<AcceptedHole[]> {
    let text: string;
    try {
      text = await readFile(this.cluster.holesFile, 'utf8');
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return [];
      throw error;
    }
    return this.parse(text);
  }

  /** Adds those that are not known yet, durably, and returns them. Throws Failure `busy` while somebody else adds one. */
  async add(holes: readonly AcceptedHole[], nowMs: number): Promise<AcceptedHole[]> {
    const lock = await this.lock();
    try {
      const known = await this.list();
      const added = holes.filter((hole) => !known.some(({ from, to }) => from === hole.from && to === hole.to));
      if (added.length === 0) return [];
      if (known.length + added.length > mostHoles) {
        throw new Failure('usage', `${this.cluster.holesFile} would list more than ${mostHoles} holes`);
      }
      await replaceFileDurably(this.cluster.holesFile, format([...known, ...added]), nowMs);
      return added;
    } finally {
      lock.release();
    }
  }

  private async lock(): Promise<HeldLock> {
    await mkdir(this.cluster.stateDirectory, { recursive: true, mode: 0o700 });
    const lock = tryLock(`${this.cluster.stateDirectory}/lock.holes`);
    if (lock !== undefined) return lock;
    throw new Failure('busy', 'another process is writing down an accepted hole', { hint: 'Try again.' });
  }

  private parse(text: string): AcceptedHole[] {
    try {
      const json = JSON.parse(text) as { format?: unknown; holes?: unknown };
      if (json.format !== 1 || !Array.isArray(json.holes)) throw new Error('it is not of format 1');
      return json.holes.map(parseAcceptedHole);
    } catch (error) {
      throw new Failure('damaged', `${this.cluster.holesFile} cannot be read as a list of accepted holes`, {
        cause: error,
        hint: 'Put it right, or remove it and accept the holes again.',
      });
    }
  }
}

function format(holes: readonly AcceptedHole[]): string {
  const entries = holes.map(({ from, to, why, who, atMs }) => ({
    from,
    to,
    why,
    who,
    at: new Date(atMs).toISOString(),
  }));
  return `${JSON.stringify({ format: 1, holes: entries }, null, 2)}\n`;
}

/** An acceptance in a sentence, for a log or a person. */
export function describeAcceptance({ who, why, atMs }: AcceptedHole): string {
  return `accepted by ${who} on ${new Date(atMs).toISOString().slice(0, 10)}: ${why}`;
}
