import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { ArchiveHost } from './archive-host.ts';
import { sha256 } from './archive-stand.ts';
import type { FaultCluster } from './fault-cluster.ts';
import type { Machine } from './machine.ts';

export interface Expectations {
  /** On how many hosts everything acknowledged must be. Default 1. */
  copies?: 1 | 2;
  /** Names for which the test gave the hosts different contents. */
  split?: readonly string[];
  /** How many files without a final name a host may have left, which is one for each kill there. Default none. */
  parts?: number;
}

/** Not a machine's disk, or written by the test and by sshd. */
const ELSEWHERE = /^\/(proc|sys|dev|usr|bin|sbin|lib\w*|opt|run|work|srv|\.outside|var\/log)$/;
const OF_THE_ARCHIVE =
  /^(cluster\.json|LASTLOG|logs\.complete|debts|quarantine|state|lost\+found|\.cluster\.json\.\w+\.part)$/;
const PART = /^\.(cluster\.json|store-id|pledge\.json|[0-9A-F]{24})\.[0-9a-f]{16}\.part$/;

/** What must be true after every fault, whatever it was: I1, I2, I3, I7 and I11 of the catalogue. */
export class Invariants {
  readonly #cluster: FaultCluster;
  readonly #outside: Map<Machine, string[]>;
  readonly #seen = new Map<string, string>();

  /** To be made when the cluster was, before anything is shipped. */
  constructor(cluster: FaultCluster) {
    this.#cluster = cluster;
    this.#outside = new Map(cluster.stand.stand.machines.map((machine) => [machine, this.#filesOutside(machine)]));
  }

  check({ copies = 1, split = [], parts = 0 }: Expectations = {}): void {
    const { acknowledged, stand } = this.#cluster;
    const holders = (name: string, content: Buffer) =>
      stand.hosts.filter((host) => this.#cluster.content(host, name)?.equals(content) === true).length;
    const lost = [...acknowledged].filter(([name, content]) => holders(name, content) < copies).map(([name]) => name);
    expect(lost, `I1: acknowledged, but not on ${copies} hosts`).toEqual([]);

    const digests = stand.hosts.map((host) => this.#digests(host));
    const [first = new Map<string, string>(), second = new Map<string, string>()] = digests;
    const differing = [...first].filter(([name, digest]) => second.has(name) && second.get(name) !== digest);
    expect(differing.map(([name]) => name).toSorted(), 'I3: different contents').toEqual([...split].toSorted());

    for (const [machine, before] of this.#outside) {
      expect(this.#filesOutside(machine), `I7: files of ${machine.name} outside the archive`).toEqual(before);
    }
    for (const host of stand.hosts) {
      const found = this.#cluster.parts(host);
      expect(found.filter((name) => !PART.test(name))).toEqual([]);
      expect(found.length, `I11: left on ${host.machine.name}: ${found.join(' ')}`).toBeLessThanOrEqual(parts);
      const top = host.allFiles(this.#cluster.directory).filter((name) => !OF_THE_ARCHIVE.test(name));
      expect(top, `I7: in the cluster directory of ${host.machine.name}`).toEqual([]);
    }
  }

  /** I2: every final name is a whole file, and its content is what it was at the last look. */
  #digests(host: ArchiveHost): Map<string, string> {
    const digests = new Map<string, string>();
    for (const name of this.#cluster.names(host)) {
      const content = this.#cluster.content(host, name) ?? Buffer.alloc(0);
      expect(content.length, `I2: size of ${name} on ${host.machine.name}`).toBe(1024 ** 2);
      const key = `${host.machine.name} ${name}`;
      const digest = sha256(content);
      expect(digest, `I2: content of ${key}`).toBe(this.#seen.get(key) ?? digest);
      this.#seen.set(key, digest);
      digests.set(name, digest);
    }
    return digests;
  }

  #filesOutside(machine: Machine): string[] {
    const own = [this.#cluster.directory, this.#cluster.data.path, this.#cluster.data.stateDirectory];
    const images = /^\/var\/_archive_\w+\.ext4$/;
    const walk = (inside: string): string[] =>
      readdirSync(join(machine.root, inside)).flatMap((name) => {
        const path = join(inside, name);
        if (ELSEWHERE.test(path) || own.some((it) => path.startsWith(it)) || images.test(path)) return [];
        const stats = lstatSync(join(machine.root, path));
        if (stats.isDirectory()) return [`${path}/`, ...walk(path)];
        return [`${path} ${stats.size} ${stats.mtimeMs}`];
      });
    return walk('/');
  }
}
