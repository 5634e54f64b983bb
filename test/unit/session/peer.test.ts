import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PeerLink } from '../../../packages/archive_remote_cmd/src/serve/peer-link.ts';
import type { Clock } from '../../../packages/core/src/base/clock.ts';
import { Failure } from '../../../packages/core/src/base/failure.ts';
import { ArchiveSession } from '../../../packages/core/src/hosts/archive-session.ts';
import { probeHost } from '../../../packages/core/src/hosts/ask.ts';
import { putFile } from '../../../packages/core/src/hosts/put.ts';
import { waitFor } from '../../support/wait-for.ts';
import { clusterDirectory, store } from '../archive/test-store.ts';
import { nameOf, plain, segment } from '../archive/wal-segment.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { ManualClock } from './manual-clock.ts';
import { type RecordedLog, recordedLog } from './recorded-log.ts';
import { type Script, ScriptedHost, storing } from './scripted-host.ts';
import { bodyOf, brokenBody, type Connected, connect, gate, headerOf, sessionOptions, TestHost } from './test-host.ts';

interface Pair extends Connected {
  host: TestHost;
  link: PeerLink;
  /** How often somebody was asked to pay debts. */
  payments: () => number;
  connects: () => number;
  linkLog: RecordedLog;
  clock: ManualClock;
}

/** A host with a peer that is reached as the test says, and a client's session with it. */
async function hostWithPeer(
  connectPeer: (walDirectory: string, clock: Clock) => Promise<ArchiveSession>,
  peerWaitMs = 2000,
): Promise<Pair> {
  const directory = clusterDirectory();
  const clock = new ManualClock();
  const linkLog = recordedLog();
  const counts = { payments: 0, connects: 0 };
  const link = new PeerLink({
    name: 'arch2',
    connect: () => {
      counts.connects += 1;
      return connectPeer(directory.walDirectory, clock);
    },
    cooldownMs: 10_000,
    directory,
    startPaying: () => {
      counts.payments += 1;
    },
    clock,
    log: linkLog.log,
  });
  const host = await TestHost.open({ directory, peer: link, peerWaitMs, clock });
  const connected = await connect(host);
  return {
    ...connected,
    host,
    link,
    payments: () => counts.payments,
    connects: () => counts.connects,
    linkLog,
    clock,
  };
}

function scriptedPeer(script: Script): { peer: () => ScriptedHost; connectPeer: Parameters<typeof hostWithPeer>[0] } {
  let latest: ScriptedHost | undefined;
  return {
    peer: () => {
      if (latest === undefined) throw new Error('nobody connected to the peer');
      return latest;
    },
    connectPeer: (walDirectory) => {
      latest = new ScriptedHost(walDirectory, script);
      return ArchiveSession.open(
        latest.channel,
        sessionOptions({ directory: { walDirectory } as TestHost['directory'] }),
      );
    },
  };
}

/** The peer as it really is: the same session on another directory, with the right `sync`. */
function realPeer(peer: TestHost): Parameters<typeof hostWithPeer>[0] {
  return async () => (await connect(peer)).session;
}

function debtsIn(host: TestHost): string[] {
  const path = join(host.directory.path, 'debts', 'arch2');
  return existsSync(path) ? readdirSync(path).sort() : [];
}

async function put({ session }: Connected, name: string, fields = {}) {
  const form = await segment(name, fields);
  return await putFile(session, headerOf(form), bodyOf(form));
}

const absent: Parameters<typeof hostWithPeer>[0] = () =>
  Promise.reject(new Failure('host_unreachable', 'arch2: connection refused'));

describe('a peer that is well', () => {
  test('gets the same bytes while they arrive, and the verdict names its store', async () => {
    const { peer, connectPeer } = scriptedPeer({ on: storing('store-2') });
    const pair = await hostWithPeer(connectPeer);
    const form = await segment(nameOf(1));
    const half = gate();
    const putting = putFile(pair.session, headerOf(form), bodyOf(form, half.passed));
    await waitFor(() => peer().received.some(({ type }) => type === 'data'), { what: 'the first half at the peer' });
    half.open();
    expect(await putting).toMatchObject({ peerState: 'stored', peer: 'arch2', peerStoreId: 'store-2' });
    expect(peer().puts()).toEqual([
      { type: 'put', id: expect.any(Number), name: nameOf(1), modifiedMs: 1_700_000_000_000, forwarded: true },
    ]);
    const end = peer().received.find((message) => message.type === 'end');
    expect(end).toMatchObject(form.summary);
    expect(debtsIn(pair.host)).toEqual([]);
  });

  test('holds the file byte for byte, durable, with the same time', async () => {
    const second = await TestHost.open({ rights: ['sync'] });
    const pair = await hostWithPeer(realPeer(second));
    await put(pair, nameOf(1));
    const [a, b] = [pair.host, second].map(({ directory }) => readFileSync(directory.walFile(nameOf(1))));
    expect(a?.equals(b ?? Buffer.alloc(0))).toBe(true);
    const [c, d] = [pair.host, second].map(({ directory }) => statSync(directory.walFile(nameOf(1))).mtimeMs);
    expect(c).toBe(d);
    expect(second.store.identity?.systemIdentifier).toBe(pair.host.store.identity?.systemIdentifier);
    expect(await second.store.storeId()).not.toBe(await pair.host.store.storeId());
  });

  test('is asked by digest for a file that is here already', async () => {
    const { peer, connectPeer } = scriptedPeer({ on: storing('store-2') });
    const pair = await hostWithPeer(connectPeer);
    const form = await segment(nameOf(1));
    await store(pair.host.store, form);
    await pair.link.debts.record(form.file.name);
    const header = headerOf(form, { digest: form.rawDigest });
    expect(await putFile(pair.session, header, bodyOf(form))).toMatchObject({ outcome: 'same', peerState: 'stored' });
    expect(
      peer()
        .puts()
        .map(({ digest, forwarded }) => [digest, forwarded]),
    ).toEqual([[form.rawDigest, true]]);
    expect(debtsIn(pair.host), 'what was owed is settled').toEqual([]);
  });

  test('is connected to once, for all files', async () => {
    const { connectPeer } = scriptedPeer({ on: storing('store-2') });
    const pair = await hostWithPeer(connectPeer);
    await Promise.all([1, 2, 3, 4].map((number) => put(pair, nameOf(number))));
    expect(pair.connects()).toBe(1);
  });

  test('is never passed on to for a file that it forwarded itself', async () => {
    const { connectPeer } = scriptedPeer({ on: storing('store-2') });
    const pair = await hostWithPeer(connectPeer);
    const both = await TestHost.open({ directory: pair.host.directory, peer: pair.link, rights: ['put', 'sync'] });
    const form = await segment(nameOf(1));
    const verdict = await putFile((await connect(both)).session, headerOf(form, { forwarded: true }), bodyOf(form));
    expect(verdict.peerState).toBe('none');
    expect(pair.connects()).toBe(0);
    expect(debtsIn(pair.host)).toEqual([]);
  });

  test('and a session that ends with it are no reason for a warning', async () => {
    const { connectPeer } = scriptedPeer({ on: storing('store-2') });
    const pair = await hostWithPeer(connectPeer);
    await put(pair, nameOf(1));
    pair.channel.stream.end();
    await pair.channel.served;
    await new Promise((resolve) => setImmediate(resolve));
    expect(pair.linkLog.lines.filter((line) => line.startsWith('warning'))).toEqual([]);
  });
});

describe('a peer that is away', () => {
  test('is owed the file, and somebody is told to pay', async () => {
    const pair = await hostWithPeer(absent);
    expect(await put(pair, nameOf(1))).toMatchObject({ outcome: 'new', peerState: 'debt', peer: 'arch2' });
    expect(debtsIn(pair.host)).toEqual([nameOf(1)]);
    expect(pair.payments()).toBe(1);
  });

  test('is owed before the client hears of it: the debt is durable first', async () => {
    const pair = await hostWithPeer(absent);
    const recorded = gate();
    const record = pair.link.debts.record.bind(pair.link.debts);
    let asked = false;
    pair.link.debts.record = async (name) => {
      asked = true;
      await recorded.passed;
      await record(name);
    };
    let answered = false;
    const verdict = put(pair, nameOf(1)).then((result) => {
      answered = true;
      return result;
    });
    await waitFor(() => asked, { what: 'the debt to be recorded' });
    // The session answers other requests meanwhile, this one not.
    await probeHost(pair.session);
    expect(answered).toBe(false);
    recorded.open();
    expect((await verdict).peerState).toBe('debt');
  });

  test('is not waited for again during its cooldown, and tried after it', async () => {
    const pair = await hostWithPeer(absent);
    await put(pair, nameOf(1));
    await put(pair, nameOf(2));
    expect(pair.connects()).toBe(1);
    expect(debtsIn(pair.host)).toEqual([nameOf(1), nameOf(2)]);
    pair.clock.advance(10_000);
    await put(pair, nameOf(3));
    expect(pair.connects()).toBe(2);
  });

  test.each([
    { peerAway: true, patienceMs: 250 },
    { peerAway: false, patienceMs: 1000 },
  ])('and silent is waited for once in an attempt, not by each file; said to be away: $peerAway', async (given) => {
    let giveUp: (error: Error) => void = () => undefined;
    const silent = () =>
      new Promise<never>((_resolve, reject) => {
        giveUp = reject;
      });
    const pair = await hostWithPeer(silent);
    // It has its identity already: there is nothing to agree on.
    await store(pair.host.store, await segment(nameOf(1)));
    const putNext = async (number: number) => {
      const form = await segment(nameOf(number));
      return await putFile(pair.session, headerOf(form, { peerAway: given.peerAway }), bodyOf(form));
    };
    const first = putNext(2);
    await waitFor(() => pair.clock.sleeperCount > 0, { what: 'the host to wait for its peer' });
    pair.clock.advance(given.patienceMs);
    expect((await first).peerState).toBe('debt');
    for (const number of [3, 4]) expect((await putNext(number)).peerState).toBe('debt');
    expect(debtsIn(pair.host)).toEqual([2, 3, 4].map((number) => nameOf(number)));
    giveUp(new Failure('host_unreachable', 'arch2: no answer'));
    expect((await putNext(5)).peerState).toBe('debt');
    expect(pair.connects()).toBe(1);
  });

  test('is not waited for when it is tried again, until it is there: one file goes with the attempt, the payer has the others', async () => {
    const { peer, connectPeer } = scriptedPeer({ on: storing('store-2') });
    const back = gate();
    let isGone = true;
    const pair = await hostWithPeer(async (...world) => {
      if (isGone) throw new Failure('host_unreachable', 'arch2: no answer');
      await back.passed;
      return await connectPeer(...world);
    });
    expect((await put(pair, nameOf(1))).peerState).toBe('debt');
    isGone = false;
    pair.clock.advance(10_000);
    for (const number of [2, 3]) expect((await put(pair, nameOf(number))).peerState).toBe('debt');
    expect(pair.connects()).toBe(2);
    expect(pair.payments()).toBe(3);
    back.open();
    await waitFor(() => debtsIn(pair.host).length === 2, { what: 'what was sent late to be settled' });
    expect(debtsIn(pair.host)).toEqual([nameOf(1), nameOf(3)]);
    expect((await put(pair, nameOf(4))).peerState).toBe('stored');
    expect(
      peer()
        .puts()
        .map(({ name }) => name),
    ).toEqual([nameOf(2), nameOf(4)]);
  });

  test('when the debt cannot be recorded is an error: the file is not acknowledged', async () => {
    const pair = await hostWithPeer(absent);
    pair.link.debts.record = () => Promise.reject(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' }));
    await failureFrom('disk_full', put(pair, nameOf(1)));
  });

  test('that dies in the middle of a file is owed it', async () => {
    const { peer, connectPeer } = scriptedPeer({
      on: (message, self) => {
        if (message.type === 'list') self.send({ type: 'names', id: message.id, names: [] });
        if (message.type === 'data') self.vanish();
      },
    });
    const pair = await hostWithPeer(connectPeer);
    expect((await put(pair, nameOf(1))).peerState).toBe('debt');
    expect(peer().puts()).toHaveLength(1);
    expect(debtsIn(pair.host)).toEqual([nameOf(1)]);
  });
});

describe('a peer that is slow', () => {
  /** A peer that takes everything and answers when it is told to. */
  function slowPeer() {
    const scripted = scriptedPeer({
      on: (message, self) => {
        if (message.type === 'list') self.send({ type: 'names', id: message.id, names: [] });
      },
    });
    const ended = () => scripted.peer().received.find((message) => message.type === 'end');
    return {
      ...scripted,
      ended,
      answer: () => {
        const end = ended();
        if (end === undefined || !('id' in end)) throw new Error('no body has ended');
        scripted.peer().send({ type: 'stored', id: end.id, outcome: 'new', storeId: 'store-2', peerState: 'none' });
      },
    };
  }

  test('is waited for, and no longer than the time for it', async () => {
    const slow = slowPeer();
    const pair = await hostWithPeer(slow.connectPeer, 2000);
    let answered = false;
    const putting = put(pair, nameOf(1)).then((verdict) => {
      answered = true;
      return verdict;
    });
    await waitFor(() => slow.ended() !== undefined && pair.clock.sleeperCount > 0, { what: 'the host to wait' });
    pair.clock.advance(900);
    await probeHost(pair.session);
    expect(answered).toBe(false);
    pair.clock.advance(1100);
    expect((await putting).peerState).toBe('debt');
    expect(debtsIn(pair.host)).toEqual([nameOf(1)]);
  });

  test('and stores the file late is owed nothing any more', async () => {
    const slow = slowPeer();
    const pair = await hostWithPeer(slow.connectPeer, 0);
    expect((await put(pair, nameOf(1))).peerState).toBe('debt');
    await waitFor(() => slow.ended() !== undefined, { what: 'the body at the peer' });
    expect(debtsIn(pair.host)).toEqual([nameOf(1)]);
    slow.answer();
    await waitFor(() => debtsIn(pair.host).length === 0, { what: 'the debt to be settled' });
  });

  test('and answers in time is owed nothing', async () => {
    const slow = slowPeer();
    const pair = await hostWithPeer(slow.connectPeer, 2000);
    const putting = put(pair, nameOf(1));
    await waitFor(() => slow.ended() !== undefined, { what: 'the body at the peer' });
    slow.answer();
    expect((await putting).peerState).toBe('stored');
    expect(debtsIn(pair.host)).toEqual([]);
  });
});

describe('a peer that refuses', () => {
  test.each(['conflict', 'wrong_cluster', 'bad_page_header', 'bad_name', 'quarantine_full'] as const)(
    'with %s makes the put fail with that, because the hosts disagree',
    async (code) => {
      const { connectPeer } = scriptedPeer({
        on: (message, self) => {
          if (message.type === 'list') self.send({ type: 'names', id: message.id, names: [] });
          if (message.type === 'end') self.send({ type: 'error', id: message.id, code, message: 'no' });
        },
      });
      const pair = await hostWithPeer(connectPeer);
      await failureFrom(code, put(pair, nameOf(1)));
      expect(debtsIn(pair.host)).toEqual([]);
      // A name that the peer holds with other content is not taken here too.
      expect(pair.host.published).toEqual([]);
      await waitFor(() => readdirSync(pair.host.directory.walDirectory).length === 0, { what: 'the part to go' });
    },
  );

  test.each(['disk_full', 'disk_error', 'internal', 'busy'] as const)(
    'with %s is owed the file: that may pass',
    async (code) => {
      const { connectPeer } = scriptedPeer({
        on: (message, self) => {
          if (message.type === 'list') self.send({ type: 'names', id: message.id, names: [] });
          if (message.type === 'end') self.send({ type: 'error', id: message.id, code, message: 'no' });
        },
      });
      const pair = await hostWithPeer(connectPeer);
      expect((await put(pair, nameOf(1))).peerState).toBe('debt');
    },
  );

  test('the first segment, because it holds another cluster, keeps this host from taking it too', async () => {
    const { connectPeer } = scriptedPeer({ hello: { systemIdentifier: '1' }, on: storing('store-2') });
    const pair = await hostWithPeer(connectPeer);
    await failureFrom('wrong_cluster', put(pair, nameOf(1)));
    await waitFor(() => readdirSync(pair.host.directory.walDirectory).length === 0, { what: 'the part to go' });
    expect(existsSync(pair.host.directory.identityFile)).toBe(false);
  });
});

test('a peer that is this very directory is no second copy', async () => {
  const directory = clusterDirectory();
  const self = await TestHost.open({ directory, rights: ['sync'] });
  await store(self.store, await segment(nameOf(1)));
  const log = recordedLog();
  const link = new PeerLink({
    name: 'arch2',
    connect: async () => (await connect(self)).session,
    cooldownMs: 10_000,
    directory,
    startPaying: () => undefined,
    clock: new ManualClock(),
    log: log.log,
  });
  await failureFrom('usage', link.connected(self.store));
  const host = await TestHost.open({ directory, peer: link });
  const verdict = await put(await connect(host), nameOf(2));
  expect(verdict.peerState).toBe('debt');
  expect(log.lines.join('\n')).toContain('this very directory');
});

describe('a kill between publishing and forwarding', () => {
  test('is found by comparing the newest names when the peer is connected to', async () => {
    const { connectPeer } = scriptedPeer({
      on: (message, self) => {
        if (message.type === 'list') self.send({ type: 'names', id: message.id, names: [nameOf(1)] });
        else storing('store-2')(message, self);
      },
    });
    const pair = await hostWithPeer(connectPeer);
    await store(pair.host.store, await segment(nameOf(1)));
    await store(pair.host.store, await segment(nameOf(2)));
    await store(pair.host.store, plain('00000002.history', '1\t0/1\tx\n'));
    await put(pair, nameOf(3));
    await waitFor(() => debtsIn(pair.host).length === 2, { what: 'the missing copies to be owed' });
    expect(debtsIn(pair.host)).toEqual([nameOf(2), '00000002.history'].sort());
    expect(pair.payments()).toBeGreaterThan(0);
  });

  test('is found also when the first attempt to compare failed', async () => {
    let lists = 0;
    const { connectPeer } = scriptedPeer({
      on: (message, self) => {
        if (message.type === 'list' && (lists += 1) === 1) self.vanish();
        else if (message.type === 'list') self.send({ type: 'names', id: message.id, names: [] });
        else storing('store-2')(message, self);
      },
    });
    const pair = await hostWithPeer(connectPeer);
    await store(pair.host.store, await segment(nameOf(1)));
    await put(pair, nameOf(2));
    pair.clock.advance(10_000);
    await put(pair, nameOf(3));
    expect(debtsIn(pair.host)).toContain(nameOf(1));
  });
});

test('a file that its sender gives up is not owed, and the peer is told', async () => {
  const { peer, connectPeer } = scriptedPeer({ on: storing('store-2') });
  const pair = await hostWithPeer(connectPeer);
  const form = await segment(nameOf(1));
  await failureFrom('source_changed', putFile(pair.session, headerOf(form), brokenBody(form)));
  await waitFor(() => peer().received.some(({ type }) => type === 'abort'), { what: 'the peer to be told' });
  expect(debtsIn(pair.host)).toEqual([]);
  await waitFor(() => readdirSync(pair.host.directory.walDirectory).length === 0, { what: 'the part to go' });
});

test('a probe tells the debts, and what keeps the peer from taking files', async () => {
  const pair = await hostWithPeer(absent);
  await put(pair, nameOf(1));
  expect(await probeHost(pair.session)).toMatchObject({ debts: 1, peer: 'arch2', peerProblem: expect.any(String) });
});
