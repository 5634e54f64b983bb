import { appendFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { KeptParts } from '../../../packages/archive_cmd/src/ship/kept-parts.ts';
import { ReadBuffers } from '../../../packages/archive_cmd/src/ship/read-buffers.ts';
import { Shipper } from '../../../packages/archive_cmd/src/ship/shipper.ts';
import { parseArchiveFileName } from '../../../packages/core/src/wal/archive-file.ts';
import { waitFor } from '../../support/wait-for.ts';
import { nameOf, segment, walSegment } from '../archive/wal-segment.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { type Script, type ScriptedHost, storing } from '../session/scripted-host.ts';
import { type TestWal, testWal } from './source.ts';
import { refusing, type TestHosts, testHosts } from './test-hosts.ts';

interface Shipping {
  hosts: TestHosts;
  shipper: Shipper;
  wal: TestWal;
  ship: (name: string) => Promise<void>;
  /** Answers the puts that wait, in their order. */
  answer: () => void;
}

/** A shipper to one host that answers when it is told to, or by a script. */
function shipping(script?: Script): Shipping {
  const ended: [ScriptedHost, number][] = [];
  const patient: Script = { on: (message, host) => message.type === 'end' && ended.push([host, message.id]) };
  const hosts = testHosts({ arch1: script ?? patient });
  const { pool, clock, recorded } = hosts;
  const shipper = new Shipper({
    pool,
    saved: async () => undefined,
    minCopies: 1,
    preferredWaitMs: 250,
    buffers: new ReadBuffers(2),
    clock,
    log: recorded.log,
  });
  const wal = testWal();
  return {
    hosts,
    shipper,
    wal,
    ship: (name) => shipper.ship(wal.file(name), parseArchiveFileName(name)),
    answer: () => {
      const [next] = ended.splice(0, 1);
      if (next === undefined) throw new Error('nothing waits for an answer');
      next[0].send({ type: 'stored', id: next[1], outcome: 'new', storeId: 'a', peerState: 'none' });
    },
  };
}

async function bodiesEnded({ hosts }: Shipping, count: number): Promise<void> {
  const ends = () => hosts.sessions['arch1']?.[0]?.received.filter(({ type }) => type === 'end').length ?? 0;
  await waitFor(() => ends() === count, { what: `${count} bodies to be sent` });
}

describe('a file', () => {
  test('is sent once, however often it is asked for', async () => {
    const world = shipping({ on: storing('a') });
    world.wal.add(nameOf(1));
    await world.ship(nameOf(1));
    await world.ship(nameOf(1));
    expect(world.hosts.puts('arch1')).toHaveLength(1);
  });

  test('that is on its way is joined by whoever asks for it meanwhile', async () => {
    const world = shipping();
    world.wal.add(nameOf(1));
    const asked = [world.ship(nameOf(1)), world.ship(nameOf(1)), world.ship(nameOf(1))];
    await bodiesEnded(world, 1);
    expect(world.shipper.filesUnderWay).toBe(1);
    world.answer();
    await Promise.all(asked);
    expect(world.hosts.puts('arch1')).toHaveLength(1);
    expect([world.shipper.filesUnderWay, world.shipper.bytesUnderWay]).toEqual([0, 0]);
  });

  test('is given up when it was sent, and when it failed: its memory is given back', async () => {
    const drop = vi.spyOn(KeptParts.prototype, 'drop');
    onTestFinished(() => drop.mockRestore());
    let refuse = true;
    const world = shipping({
      on: (message, host) => (refuse ? refusing('disk_full').on?.(message, host) : storing('a')(message, host)),
    });
    world.wal.add(nameOf(1));
    await failureFrom('disk_full', world.ship(nameOf(1)));
    expect(drop).toHaveBeenCalledTimes(1);
    refuse = false;
    await world.ship(nameOf(1));
    expect(drop).toHaveBeenCalledTimes(2);
  });

  test('that failed is sent again when it is asked for again, and all who waited heard of the failure', async () => {
    let refuse = true;
    const world = shipping({
      on: (message, host) => {
        if (message.type !== 'end' || !refuse) return storing('a')(message, host);
        host.send({ type: 'error', id: message.id, code: 'disk_full', message: 'no space' });
      },
    });
    world.wal.add(nameOf(1));
    for (const asked of [world.ship(nameOf(1)), world.ship(nameOf(1))]) await failureFrom('disk_full', asked);
    expect(world.shipper.knows(nameOf(1))).toBe(false);
    refuse = false;
    await world.ship(nameOf(1));
    expect(world.hosts.puts('arch1')).toHaveLength(2);
  });

  test.each([
    [
      'another file with the same name',
      (path: string) => (
        writeFileSync(`${path}.new`, walSegment(nameOf(1), { seed: 2 })), renameSync(`${path}.new`, path)
      ),
    ],
    ['the file with other content', (path: string) => writeFileSync(path, walSegment(nameOf(1), { seed: 2 }))],
    ['the file with another date', (path: string) => utimesSync(path, 1, 1)],
  ])('that was confirmed says nothing about %s: the host is asked again', async (_what, change) => {
    const world = shipping({ on: storing('a') });
    const path = world.wal.add(nameOf(1));
    await world.ship(nameOf(1));
    change(path);
    await world.ship(nameOf(1));
    expect(world.hosts.puts('arch1')).toHaveLength(2);
  });

  test('that is replaced while it is on its way is shipped by itself afterwards', async () => {
    const world = shipping();
    const path = world.wal.add(nameOf(1), 1);
    const first = world.ship(nameOf(1));
    await bodiesEnded(world, 1);
    writeFileSync(`${path}.new`, walSegment(nameOf(1), { seed: 2 }));
    renameSync(`${path}.new`, path);
    let answered = false;
    const second = world.ship(nameOf(1)).then(() => {
      answered = true;
    });
    world.answer();
    await first;
    await bodiesEnded(world, 2);
    expect(answered).toBe(false);
    world.answer();
    await second;
    const ends = world.hosts.sessions['arch1']?.[0]?.received.filter((message) => message.type === 'end') ?? [];
    const stored = await Promise.all([1, 2].map((seed) => segment(nameOf(1), { seed })));
    expect(ends.map((end) => end.fingerprint)).toEqual(stored.map(({ summary }) => summary.fingerprint));
  });

  test('that is gone is a bad source, although it was confirmed before', async () => {
    const world = shipping({ on: storing('a') });
    const path = world.wal.add(nameOf(1));
    await world.ship(nameOf(1));
    rmSync(path);
    await failureFrom('bad_source', world.ship(nameOf(1)));
  });

  test.each([
    ['is cut', (path: string) => writeFileSync(path, walSegment(nameOf(1)).subarray(0, 500_000)), 'bad_source'],
    ['is shorter than its header', (path: string) => writeFileSync(path, 'x'), 'bad_source'],
    ['is empty', (path: string) => writeFileSync(path, ''), 'bad_source'],
    ['is longer than a segment', (path: string) => appendFileSync(path, 'x'), 'bad_source'],
    ['holds zeros', (path: string) => writeFileSync(path, Buffer.alloc(2 ** 20)), 'bad_page_header'],
    ['has the name of another', (path: string) => writeFileSync(path, walSegment(nameOf(2))), 'bad_page_header'],
  ] as const)('that %s is refused before any host is asked', async (_what, spoil, code) => {
    const world = shipping({ on: storing('a') });
    spoil(world.wal.add(nameOf(1)));
    await failureFrom(code, world.ship(nameOf(1)));
    expect(world.hosts.attempts).toEqual({});
  });
});

test('files are announced to the host in the order in which they were asked for', async () => {
  const world = shipping({ on: storing('a') });
  const names = ['00000002.history', ...[1, 2, 3, 4, 5].map((number) => nameOf(number))];
  for (const name of names) world.wal.add(name);
  await Promise.all(names.map((name) => world.ship(name)));
  expect(world.hosts.puts('arch1').map(({ name }) => name)).toEqual(names);
  expect(world.shipper.describe()).toMatchObject({ shipped: 6, failed: 0, underWay: 0, cooling: 'none' });
});

test('the header tells the cluster and the time of the source', async () => {
  const world = shipping({ on: storing('a') });
  utimesSync(world.wal.add(nameOf(1)), 5, 1_600_000_000);
  await world.ship(nameOf(1));
  expect(world.hosts.puts('arch1')).toMatchObject([
    { systemIdentifier: '7710547627397989049', modifiedMs: 1_600_000_000_000, forwarded: false },
  ]);
});
