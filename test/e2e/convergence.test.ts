import { existsSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { payDebts } from '../../packages/archive_remote_cmd/src/pay/pay-debts.ts';
import { Debts } from '../../packages/core/src/archive/debts.ts';
import { createClusterRecord } from '../../packages/core/src/archive/identity.ts';
import { Tombstones } from '../../packages/core/src/archive/tombstones.ts';
import { Pins } from '../../packages/core/src/backups/pins.ts';
import { readCatalog } from '../../packages/core/src/backups/read-catalog.ts';
import { systemClock } from '../../packages/core/src/base/clock.ts';
import { Failure } from '../../packages/core/src/base/failure.ts';
import { silentLog } from '../../packages/core/src/base/log.ts';
import { RateLimit } from '../../packages/core/src/base/rate-limit.ts';
import { type ArchiveFileName, parseArchiveFileName } from '../../packages/core/src/wal/archive-file.ts';
import { lsnFromBytes } from '../../packages/core/src/wal/lsn.ts';
import { timelineFromNumber } from '../../packages/core/src/wal/timeline-id.ts';
import { cleanBothHosts } from '../../packages/wal-cleanup/src/clean-both-hosts.ts';
import { Progress } from '../../packages/wal-sync/src/progress.ts';
import { emptyReport } from '../../packages/wal-sync/src/report.ts';
import { syncArchives } from '../../packages/wal-sync/src/sync-archives.ts';
import { clusterDirectory } from '../unit/archive/test-store.ts';
import { encoded, walSegment } from '../unit/archive/wal-segment.ts';
import { identity, labelTextAt, makeBackup, nowMs, walMs } from '../unit/backups/backup-files.ts';
import {
  archivedNames,
  askedForByRecoveries,
  historyText,
  type World,
  worldsWithin,
} from '../unit/backups/wal-world.ts';
import { connect, TestHost } from '../unit/session/test-host.ts';

/** More by an environment variable; one that failed again by the seed that it printed. */
const runs = Number(process.env['ARCHIVE2_SEEDS'] ?? 1000);
const seed = process.env['ARCHIVE2_SEED'];
const clock = { ...systemClock, nowMs: () => nowMs };
// Thousands of small archives: what fsync does is tested elsewhere.
if (existsSync('/dev/shm')) process.env['TMPDIR'] = '/dev/shm';

/** Where a file is at the beginning, and whether a debt is recorded for the host that lacks it. */
const anyPlace = fc.constantFrom('both', 'both', 'both', 'first', 'second', 'owed', 'nowhere', 'damaged', 'lost');
const anyStep = fc.record({
  what: fc.constantFrom('cleanup', 'cleanup', 'sync', 'scrub', 'pay', 'archive again', 'backup gone'),
  host: fc.constantFrom<0 | 1>(0, 1),
  which: fc.nat(),
});
const anyCase = fc.record({
  world: worldsWithin({ first: 7, children: 3, length: 2, starts: 4 }),
  places: fc.array(anyPlace, { minLength: 30, maxLength: 30 }),
  damaged: fc.array(fc.constantFrom(0, 1), { minLength: 30, maxLength: 30 }),
  steps: fc.array(anyStep, { maxLength: 6 }),
});
type Case = typeof anyCase extends fc.Arbitrary<infer T> ? T : never;

const contents = new Map<string, Buffer>();

/** What is stored under a name; segments without anything but their first page, so that they are small. */
async function contentOf(world: World, name: ArchiveFileName): Promise<Buffer> {
  const file = parseArchiveFileName(name);
  if (file.kind === 'history') return Buffer.from(historyText(world, file.timeline));
  if (file.kind === 'backup') return Buffer.from(`label of ${name}\n`);
  const known = contents.get(name);
  if (known !== undefined) return known;
  const { stored } = await encoded(name, walSegment(name).fill(0, 100));
  contents.set(name, stored);
  return stored;
}

class Hosts {
  readonly world: World;
  readonly hosts: readonly [TestHost, TestHost];
  readonly expected = new Map<ArchiveFileName, Buffer>();
  /** Names of which no host has a whole copy any more. */
  readonly lost = new Set<string>();
  private readonly starts: World['starts'];

  private constructor(world: World, hosts: readonly [TestHost, TestHost]) {
    this.world = world;
    this.hosts = hosts;
    this.starts = [...world.starts];
  }

  static async open({ world, places, damaged }: Case): Promise<Hosts> {
    const directories = [clusterDirectory(), clusterDirectory()];
    for (const directory of directories) await createClusterRecord(directory, 'main', identity, nowMs);
    const cleanup = { maxRemoveFraction: 1 };
    const open = (index: number) => TestHost.open({ rights: ['sync'], clock, cleanup, directory: directories[index]! });
    const it = new Hosts(world, [await open(0), await open(1)]);
    for (const [index, name] of archivedNames(world).entries()) {
      await it.place(name, places[index % places.length]!, damaged[index % damaged.length]!);
    }
    for (const [index, start] of world.starts.entries()) await it.begin(start, index);
    return it;
  }

  private async place(name: ArchiveFileName, place: string, side: number): Promise<void> {
    // A history file that nobody has makes holes that nobody can judge; histories are archived first, and checked apart.
    const where = name.endsWith('.history') && place === 'nowhere' ? 'both' : place;
    if (where === 'nowhere') return;
    const content = await contentOf(this.world, name);
    this.expected.set(name, content);
    const on =
      where === 'first' ? [0] : where === 'second' ? [1] : where === 'owed' || where === 'lost' ? [side] : [0, 1];
    for (const index of on) this.write(index, name, content);
    if (where === 'owed') await this.debts(side).record(name);
    if (where !== 'damaged' && where !== 'lost') return;
    // A torn history file cannot be told from another history by itself; one that is empty can.
    const broken = parseArchiveFileName(name).kind === 'segment' ? content.subarray(0, content.length - 7) : undefined;
    if (broken === undefined) return;
    this.write(side, name, broken);
    if (where === 'lost') this.lost.add(name);
  }

  private async begin({ host, kind, position, timeline }: World['starts'][number], index: number): Promise<void> {
    const { directory } = this.hosts[host === 'arch1' ? 0 : 1];
    const from = { timeline: timelineFromNumber(timeline)!, lsn: lsnFromBytes(BigInt(position)) };
    if (kind === 'pin') {
      const pin = { id: `restore-0123456789-${index}`, holder: 'db2', from, expiresMs: nowMs + 60_000 };
      await new Pins(directory).set(pin, nowMs);
      return;
    }
    const name = `data.master.${index + 1}${kind === 'partial' ? '.partial' : ''}`;
    makeBackup(directory, name, {
      backup_label: labelTextAt(from.lsn, timeline),
      ...(kind === 'complete' ? { SUCCESS: '' } : {}),
    });
  }

  private write(index: number, name: ArchiveFileName, content: Buffer): void {
    const path = this.hosts[index]!.directory.walFile(name);
    writeFileSync(path, content);
    utimesSync(path, walMs / 1000, walMs / 1000);
  }

  private debts(index: number): Debts {
    return new Debts(this.hosts[index]!.directory, index === 0 ? 'arch2' : 'arch1');
  }

  names(index: number): ArchiveFileName[] {
    return readdirSync(this.hosts[index]!.directory.walDirectory).map((name) => parseArchiveFileName(name).name);
  }

  /** True for a whole copy. */
  private holds(index: number, name: ArchiveFileName): boolean {
    const path = this.hosts[index]!.directory.walFile(name);
    return existsSync(path) && readFileSync(path).equals(this.expected.get(name) ?? Buffer.alloc(0));
  }

  async step({ what, host, which }: Case['steps'][number]): Promise<void> {
    if (what === 'cleanup') return await this.cleanUp(host);
    if (what === 'sync' || what === 'scrub') return await this.sync(host, what === 'scrub');
    if (what === 'pay') return await this.pay(host);
    if (what === 'backup gone') return await this.rotate(which);
    const name = [...this.expected.keys()].sort()[which % Math.max(1, this.expected.size)];
    if (name === undefined || existsSync(this.hosts[host]!.directory.walFile(name))) return;
    this.write(host, name, this.expected.get(name)!);
    await this.debts(host).record(name);
    this.lost.delete(name);
  }

  /** A backup or a pin ends, as a rotation has it: the oldest ones do not stay for ever. */
  private async rotate(which: number): Promise<void> {
    const index = which % this.world.starts.length;
    const start = this.world.starts[index];
    if (start === undefined || !this.starts.includes(start)) return;
    const isLastComplete =
      this.starts.filter(({ kind }) => kind === 'complete').length === 1 && start.kind === 'complete';
    if (isLastComplete) return;
    this.starts.splice(this.starts.indexOf(start), 1);
    const { directory } = this.hosts[start.host === 'arch1' ? 0 : 1];
    if (start.kind === 'pin') await new Pins(directory).remove(`restore-0123456789-${index}`);
    const name = `data.master.${index + 1}${start.kind === 'partial' ? '.partial' : ''}`;
    rmSync(`${directory.path}/${name}`, { recursive: true, force: true });
  }

  private async cleanUp(index: number): Promise<void> {
    const [host, peer] = [this.hosts[index]!, this.hosts[1 - index]!];
    const options = {
      directory: host.directory,
      oldestBackup: undefined,
      peer: 'arch2',
      hasNoPeer: false,
      keepMs: 0,
      maxRemoveFraction: 1,
      force: false,
      trustClock: false,
      dryRun: false,
      json: false,
      connectTimeoutMs: 3000,
      stallTimeoutMs: 10_000,
      remoteProgram: 'archive_remote_cmd',
    };
    const record = host.store.identity!;
    const world = { options, record, alsoProtected: [], announce: async () => undefined, clock, log: silentLog };
    const named = { name: 'arch2', spec: { text: 'arch2', host: 'arch2' } };
    try {
      await cleanBothHosts(world, named, () => this.session(peer));
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'cleanup_refused') throw error;
    }
    for (const index of [0, 1]) {
      const stored = new Set(this.names(index));
      const owed = (await this.debts(index).list()).map(({ name }) => name).filter((name) => !stored.has(name));
      expect(owed, `owed by host ${index + 1}, and removed`).toEqual([]);
    }
  }

  /** What was removed on purpose does not come back by a sync. */
  private async sync(index: number, checksum: boolean): Promise<void> {
    const buried = [await this.buried(0), await this.buried(1)];
    await this.runSync(index, checksum);
    for (const index of [0, 1]) {
      const back = this.names(index).filter((name) => buried[index]?.has(name));
      expect(back, `brought back to host ${index + 1}`).toEqual([]);
    }
  }

  private async runSync(index: number, checksum: boolean): Promise<void> {
    const [host, peer] = [this.hosts[index]!, this.hosts[1 - index]!];
    const session = await this.session(peer);
    try {
      const run = {
        store: host.store,
        session,
        dryRun: false,
        checksum,
        scrubDays: 0,
        rate: new RateLimit(0, clock),
        clock,
        log: silentLog,
        progress: new Progress(undefined, clock),
        report: emptyReport('arch2', false),
      };
      await syncArchives(run, readCatalog(host.store, nowMs));
    } finally {
      session.close();
    }
  }

  private async pay(index: number): Promise<void> {
    await payDebts({
      store: this.hosts[index]!.store,
      debts: this.debts(index),
      connect: () => this.session(this.hosts[1 - index]!),
      probeIntervalMs: 1,
      rate: new RateLimit(0, clock),
      clock,
      log: silentLog,
      signal: new AbortController().signal,
      tell: () => undefined,
    });
  }

  /** I1 and I8, at any moment: what a recovery asks for, and every history file, has a whole copy somewhere. */
  checkNothingNeededIsGone(after: string): void {
    const asked = askedForByRecoveries({ ...this.world, starts: this.starts });
    const gone = [...this.expected.keys()].filter((name) => {
      const isNeeded = asked.has(name) || name.endsWith('.history');
      return isNeeded && !this.lost.has(name) && !this.holds(0, name) && !this.holds(1, name);
    });
    expect(gone, `needed, and gone after ${after}`).toEqual([]);
  }

  async checkConverged(): Promise<void> {
    const [first, second] = [this.names(0), this.names(1)].map((names) => names.filter((name) => !this.lost.has(name)));
    expect(first!.sort(), 'both hosts hold the same names').toEqual(second!.sort());
    const unlike = first!.filter((name) => !this.holds(0, name) || !this.holds(1, name));
    expect(unlike, 'I3: both copies are whole').toEqual([]);
    for (const index of [0, 1]) {
      const owed = (await this.debts(index).list()).map(({ name }) => name).filter((name) => !this.lost.has(name));
      expect(owed, 'nothing is owed').toEqual([]);
    }
    const asked = askedForByRecoveries({ ...this.world, starts: this.starts });
    const needed = [...this.expected.keys()].filter((name) => asked.has(name) || name.endsWith('.history'));
    const missing = needed.filter((name) => !this.lost.has(name) && !first!.includes(name));
    expect(missing, 'I8: what is needed is on both').toEqual([]);
    for (const index of [0, 1]) expect([...(await this.buried(index))], 'no tombstone is left').toEqual([]);
  }

  /** The names that a host lacks on purpose. */
  private buried(index: number): Promise<Set<ArchiveFileName>> {
    return new Tombstones(this.hosts[index]!.directory).names(new Set(this.names(index)));
  }

  private async session(peer: TestHost) {
    return (await connect(peer, { walDirectory: peer.directory.walDirectory })).session;
  }
}

test('whatever the histories, backups, holes and damage: cleanups, syncs and debts lose nothing, and leave both hosts equal', {
  timeout: 600_000,
}, async () => {
  let removed = 0;
  await fc.assert(
    fc.asyncProperty(anyCase, async (it) => {
      const hosts = await Hosts.open(it);
      const before = hosts.names(0).length + hosts.names(1).length;
      for (const step of it.steps) {
        await hosts.step(step);
        hosts.checkNothingNeededIsGone(`${step.what} on host ${step.host + 1}`);
      }
      for (const step of ['cleanup', 'scrub', 'pay', 'cleanup'] as const) {
        // What one sync reads, it reads on both hosts.
        const on: readonly (0 | 1)[] = step === 'scrub' ? [0] : [0, 1];
        for (const host of on) await hosts.step({ what: step, host, which: 0 });
        hosts.checkNothingNeededIsGone(`the last ${step}`);
      }
      await hosts.checkConverged();
      removed += Math.max(0, before - hosts.names(0).length - hosts.names(1).length);
    }),
    { numRuns: runs, ...(seed === undefined ? {} : { seed: Number(seed) }) },
  );
  // Doing nothing would lose nothing, too.
  expect(removed).toBeGreaterThan(runs / 10);
});
