import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../packages/core/src/base/clock.ts';
import { silentLog } from '../../../packages/core/src/base/log.ts';
import { HostPool } from '../../../packages/core/src/hosts/host-pool.ts';
import { parseHostList } from '../../../packages/core/src/hosts/host-spec.ts';
import { parseArchiveFileName } from '../../../packages/core/src/wal/archive-file.ts';
import { Prefetcher } from '../../../packages/restore_cmd/src/prefetch/prefetcher.ts';
import { SegmentBuffer } from '../../../packages/restore_cmd/src/prefetch/segment-buffer.ts';
import type { BufferBounds } from '../../../packages/restore_cmd/src/prefetch/window.ts';
import { receiveHere } from '../../../packages/restore_cmd/src/receive/receive-file.ts';
import { waitFor } from '../../support/wait-for.ts';
import { store } from '../archive/test-store.ts';
import { mib, nameOf, ourSystem, segment, walSegment } from '../archive/wal-segment.ts';
import { connect, TestHost } from '../session/test-host.ts';

class Restoring {
  readonly directory: string;
  readonly host: TestHost;
  readonly buffer: SegmentBuffer;
  readonly prefetcher: Prefetcher;
  /** What the hosts were asked, in that order. */
  readonly asked: string[] = [];
  private readonly pool: HostPool;

  private constructor(directory: string, host: TestHost, buffer: SegmentBuffer, bounds: BufferBounds, hosts: string) {
    this.directory = directory;
    this.host = host;
    this.buffer = buffer;
    this.pool = new HostPool({
      hosts: parseHostList(hosts),
      policy: { retryCount: 3, cooldownMs: 1000 },
      open: async () => {
        const { session } = await connect(this.host);
        const send = session.send.bind(session);
        session.send = (message) => {
          this.asked.push(message.type);
          send(message);
        };
        return session;
      },
      cooldown: new Map(),
      onCooldownChange: () => undefined,
      clock: systemClock,
      log: silentLog,
    });
    this.prefetcher = new Prefetcher({
      sources: { local: () => undefined, pool: this.pool },
      buffer,
      receive: receiveHere,
      bounds,
      systemIdentifier: () => String(ourSystem),
      onAsked: () => undefined,
      onFetched: () => undefined,
      onDamaged: () => undefined,
      clock: systemClock,
      log: silentLog,
    });
    onTestFinished(() => {
      this.prefetcher.stop();
      this.pool.stop();
    });
  }

  static async begin(bounds: BufferBounds, segments: number, hosts = 'arch1'): Promise<Restoring> {
    const host = await TestHost.open({ rights: ['get'] });
    for (let number = 0; number < segments; number += 1) await store(host.store, await segment(nameOf(number)));
    const directory = mkdtempSync(join(tmpdir(), 'archive2-buffer-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    return new Restoring(directory, host, await SegmentBuffer.open(join(directory, 'buffer')), bounds, hosts);
  }

  /** Asks as the agent does, and takes what is handed out to a name of PostgreSQL's own. */
  async ask(number: number): Promise<string | undefined> {
    const file = parseArchiveFileName(nameOf(number));
    const { answer } = await this.prefetcher.obtain(file, true);
    if (answer.kind !== 'delivered') return undefined;
    const path = join(this.directory, nameOf(number));
    // As PostgreSQL does before it asks: a rename onto another name of the same file does nothing.
    rmSync(path, { force: true });
    renameSync(this.prefetcher.handOut(file)?.path ?? '', path);
    expect(readFileSync(path).equals(walSegment(nameOf(number)))).toBe(true);
    return path;
  }

  held(): string[] {
    return [...this.buffer.names()].sort();
  }

  async settle(): Promise<void> {
    await waitFor(() => this.prefetcher.filesUnderWay === 0, { what: 'the fetches to end' });
  }

  /** Removes the archive's files: what is delivered from now on was held. */
  emptyArchive(): void {
    for (const name of readdirSync(this.host.directory.walDirectory)) rmSync(this.host.directory.walFile(name));
  }
}

const names = (...numbers: number[]) => numbers.map((number) => nameOf(number));

describe('what PostgreSQL may ask again', () => {
  test('is held: the last four, and what is ahead', async () => {
    const restoring = await Restoring.begin({ segments: 3, sizeBytes: 100 * mib }, 12);
    for (const number of [0, 1, 2, 3, 4, 5]) await restoring.ask(number);
    await waitFor(() => restoring.held().length === 7, { what: 'the window to fill' });
    expect(restoring.held()).toEqual(names(2, 3, 4, 5, 6, 7, 8));
    restoring.emptyArchive();
    for (const number of [3, 3, 5, 4, 6]) expect(await restoring.ask(number), `${number}`).toBeDefined();
  });

  test('is within the bound, whatever is asked', async () => {
    const bounds = { segments: 3, sizeBytes: 5 * mib };
    const restoring = await Restoring.begin(bounds, 12);
    for (const number of [0, 1, 2, 3, 1, 1, 2, 8, 0, 4, 5]) {
      await restoring.ask(number);
      await restoring.settle();
      const files = () => readdirSync(restoring.buffer.directory).length;
      await waitFor(() => files() <= restoring.held().length, { what: 'what was dropped to be gone' });
      expect(files() * mib, `${number} ${restoring.held().join(' ')}`).toBeLessThanOrEqual(bounds.sizeBytes);
    }
  });

  test('is fetched again where nothing is kept', async () => {
    const restoring = await Restoring.begin({ segments: 3, sizeBytes: 3 * mib }, 6);
    for (const number of [0, 1, 2, 0, 1, 1]) expect(await restoring.ask(number)).toBeDefined();
    restoring.emptyArchive();
    await restoring.settle();
    expect(await restoring.ask(0)).toBeUndefined();
  });

  test('is fetched again when PostgreSQL has used the file for later WAL', async () => {
    const restoring = await Restoring.begin({ segments: 2, sizeBytes: 100 * mib }, 6);
    const path = (await restoring.ask(0)) ?? '';
    await restoring.ask(1);
    writeFileSync(path, walSegment(nameOf(5)), { flag: 'r+' });
    expect(await restoring.ask(0)).toBeDefined();
    await restoring.ask(1);
    writeFileSync(join(restoring.directory, nameOf(0)), walSegment(nameOf(5)), { flag: 'r+' });
    restoring.emptyArchive();
    await restoring.settle();
    expect(await restoring.ask(0)).toBeUndefined();
  });
});

test('what nobody had a moment ago is looked for on both hosts at once, until something is there again', async () => {
  const it = await Restoring.begin({ segments: 0, sizeBytes: mib }, 2, 'arch1 arch2');
  const poll = async (number: number) => {
    it.asked.length = 0;
    const { answer } = await it.prefetcher.obtain(parseArchiveFileName(nameOf(number)), false);
    return { kind: answer.kind, asked: it.asked.toSorted() };
  };
  expect(await poll(7)).toEqual({ kind: 'absent', asked: ['get', 'get'] });
  expect(await poll(7)).toEqual({ kind: 'absent', asked: ['get', 'look'] });
  expect((await poll(1)).kind).toBe('delivered');
  expect(await poll(7)).toEqual({ kind: 'absent', asked: ['get', 'get'] });
});
