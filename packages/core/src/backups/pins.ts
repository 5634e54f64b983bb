import { mkdir, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterDirectory } from '../archive/cluster-directory.ts';
import { Failure, systemErrorCode } from '../base/failure.ts';
import { createFileDurably, replaceFileDurably } from '../files/atomic-file.ts';
import { syncDirectory } from '../files/directory-sync.ts';
import type { WalPlace } from '../wal/backup-label.ts';
import { formatLsn, tryParseLsn } from '../wal/lsn.ts';
import { timelineFromNumber } from '../wal/timeline-id.ts';

/** A claim on WAL for a while: a restore or a drill that is under way needs everything from here on. */
export interface Pin {
  /** Random, made by the holder: whoever knows it may move, prolong or end the pin. */
  readonly id: string;
  /** Who it is, for people: "db2" or "drill of data.master.7". */
  readonly holder: string;
  readonly from: WalPlace;
  readonly expiresMs: number;
}

/** More servers than ever restore from one archive at once; a bound, so that no key can fill the disk. */
export const maxPins = 64;

/** The longest time for which a session may pin WAL without asking again. */
export const maxPinTtlMs = 24 * 3600 * 1000;

const idPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{15,63}$/;
const holderPattern = /^[A-Za-z0-9][A-Za-z0-9 ._:@/-]{0,79}$/;

/** Throws Failure `usage` unless the texts can be a pin's. Ids are 16 to 64 characters, for nobody is to guess another's. */
function checkPin({ id, holder }: Pick<Pin, 'id' | 'holder'>): void {
  const reason = !idPattern.test(id) ? 'id' : !holderPattern.test(holder) ? 'holder' : undefined;
  if (reason === undefined) return;
  throw new Failure('usage', `the ${reason} of a pin is not usable`, {
    hint: 'An id is 16 to 64 letters, digits, "-" and "_", random; a holder 1 to 80 letters, digits and " ._:@/-".',
  });
}

/** The pins of a cluster directory: `state/pins/<id>.json`, one file each. */
export class Pins {
  private readonly cluster: ClusterDirectory;

  constructor(cluster: ClusterDirectory) {
    this.cluster = cluster;
  }

  /**
   * Sets a pin, or replaces the one with this id; durable on return. Throws Failure `usage` for texts that are no pin's, and `busy`
   * when there are `maxPins` others.
   */
  async set(pin: Pin, nowMs: number): Promise<void> {
    checkPin(pin);
    await this.ensureDirectory();
    const path = this.pathOf(pin.id);
    const others = (await this.list()).filter(({ id }) => id !== pin.id);
    if (others.length >= maxPins) {
      // Only now: a clock that is wrong for a moment must not end what others hold.
      if ((await this.removeExpired(nowMs)) === 0) {
        throw new Failure('busy', `${others.length} pins hold WAL in ${this.cluster.path} already`, {
          hint: `They are in ${this.cluster.pinsDirectory}, with their holders; each ends at its "expires".`,
        });
      }
    }
    const content = formatPin(pin);
    if (!(await createFileDurably(path, content, nowMs))) await replaceFileDurably(path, content, nowMs);
  }

  /** Ends a pin; one that is not there has ended. */
  async remove(id: string): Promise<void> {
    checkPin({ id, holder: 'any' });
    await this.unlinkPin(id);
  }

  /** All pins, expired ones too. Throws Failure `damaged` for one that cannot be read: nobody knows what it holds. */
  async list(): Promise<Pin[]> {
    const pins: Pin[] = [];
    for (const name of await this.fileNames()) {
      const pin = await this.read(name);
      if (pin !== undefined) pins.push(pin);
    }
    return pins;
  }

  /** The names of the files in which pins are. */
  async fileNames(): Promise<string[]> {
    try {
      return (await readdir(this.cluster.pinsDirectory)).filter((name) => /^[^.].*\.json$/.test(name)).sort();
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return [];
      throw error;
    }
  }

  /** One of them; undefined when it has ended. Throws as `list`. */
  async read(fileName: string): Promise<Pin | undefined> {
    const path = join(this.cluster.pinsDirectory, fileName);
    try {
      return parsePin(await readFile(path, 'utf8'), fileName.slice(0, -'.json'.length), path);
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Removes the pins whose time is over by `nowMs`; returns how many. For callers that trust their clock. */
  async removeExpired(nowMs: number): Promise<number> {
    const expired = (await this.list()).filter((pin) => isExpired(pin, nowMs));
    // Also one that a person wrote under a name that no session could give.
    for (const { id } of expired) await this.unlinkPin(id);
    return expired.length;
  }

  private async unlinkPin(id: string): Promise<void> {
    try {
      await unlink(this.pathOf(id));
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
    }
  }

  private pathOf(id: string): string {
    return join(this.cluster.pinsDirectory, `${id}.json`);
  }

  private async ensureDirectory(): Promise<void> {
    const { pinsDirectory, stateDirectory, path } = this.cluster;
    if ((await mkdir(pinsDirectory, { recursive: true, mode: 0o700 })) === undefined) return;
    await syncDirectory(stateDirectory);
    await syncDirectory(path);
  }
}

export function isExpired({ expiresMs }: Pin, nowMs: number): boolean {
  return expiresMs <= nowMs;
}

function formatPin({ id, holder, from, expiresMs }: Pin): string {
  const json = {
    format: 1,
    id,
    holder,
    timeline: from.timeline,
    from: formatLsn(from.lsn),
    expires: new Date(expiresMs).toISOString(),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

function parsePin(text: string, id: string, path: string): Pin {
  const damaged = (cause?: unknown) =>
    new Failure('damaged', `${path} cannot be read as a pin`, {
      cause,
      hint: 'Find out whether a restore or a drill is under way; if not, remove the file.',
    });
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw damaged(error);
  }
  const { format, holder, timeline, from, expires } = json ?? {};
  const place = { timeline: timelineFromNumber(Number(timeline)), lsn: tryParseLsn(String(from)) };
  const expiresMs = Date.parse(String(expires));
  if (format !== 1 || typeof holder !== 'string' || Number.isNaN(expiresMs)) throw damaged();
  if (place.timeline === undefined || place.lsn === undefined) throw damaged();
  return { id, holder, from: { timeline: place.timeline, lsn: place.lsn }, expiresMs };
}
