import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { payDebts } from '../../../packages/archive_remote_cmd/src/pay/pay-debts.ts';
import { PeerLink } from '../../../packages/archive_remote_cmd/src/serve/peer-link.ts';
import { Debts } from '../../../packages/core/src/archive/debts.ts';
import { PledgeFile } from '../../../packages/core/src/archive/pledge-file.ts';
import { systemClock } from '../../../packages/core/src/base/clock.ts';
import { Failure } from '../../../packages/core/src/base/failure.ts';
import { silentLog } from '../../../packages/core/src/base/log.ts';
import { RateLimit } from '../../../packages/core/src/base/rate-limit.ts';
import type { ArchiveSession } from '../../../packages/core/src/hosts/archive-session.ts';
import { askForPledge, askToUnpledge } from '../../../packages/core/src/hosts/ask.ts';
import { getFile } from '../../../packages/core/src/hosts/get.ts';
import { putFile } from '../../../packages/core/src/hosts/put.ts';
import type { Right } from '../../../packages/core/src/protocol/messages.ts';
import { waitFor } from '../../support/wait-for.ts';
import { store } from '../archive/test-store.ts';
import { nameOf, segment } from '../archive/wal-segment.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { bodyOf, connect, headerOf, TestHost } from './test-host.ts';

/** Two archive hosts that are each other's peers, in this process. */
class Hosts {
  readonly hosts: [TestHost, TestHost];
  isCut = false;
  /** Sessions between them, so that a cut ends them. */
  private readonly sessions: ArchiveSession[] = [];
  /** A put session each. */
  private readonly clients = new Map<number, ArchiveSession>();

  private constructor(hosts: [TestHost, TestHost]) {
    this.hosts = hosts;
  }

  static async open(): Promise<Hosts> {
    return new Hosts([await TestHost.open(), await TestHost.open()]);
  }

  host(at: number): TestHost {
    return this.hosts[at === 0 ? 0 : 1];
  }

  pledgeOf(at: number) {
    return new PledgeFile(this.host(at).directory, systemClock);
  }

  async states(): Promise<(string | undefined)[]> {
    return [(await this.pledgeOf(0).read())?.state, (await this.pledgeOf(1).read())?.state];
  }

  async cut(): Promise<void> {
    this.isCut = true;
    for (const session of this.sessions) session.close();
    await Promise.all(this.sessions.map((session) => session.closed));
    this.clients.clear();
  }

  heal(): void {
    this.isCut = false;
    this.clients.clear();
  }

  async put(at: number, name: string, minCopies?: number) {
    let session = this.clients.get(at);
    if (session === undefined) {
      session = (await connect(await this.process(at, ['put']))).session;
      this.clients.set(at, session);
    }
    const form = await segment(name);
    return await putFile(session, headerOf(form, minCopies === undefined ? {} : { minCopies }), bodyOf(form));
  }

  async no(at: number, name: string) {
    const { session } = await connect(await this.process(at, ['get']));
    const answer = await getFile(session, { name });
    session.close();
    return answer;
  }

  /** A process of a host, for one session, with a link of its own to the peer. */
  private async process(at: number, rights: Right[]): Promise<TestHost> {
    const { directory } = this.host(at);
    const peer = new PeerLink({
      name: at === 0 ? 'arch2' : 'arch1',
      connect: async () => {
        if (this.isCut) throw new Failure('host_unreachable', 'the peer is away');
        const { session } = await connect(await this.process(1 - at, ['sync']));
        this.sessions.push(session);
        return session;
      },
      cooldownMs: 0,
      directory,
      startPaying: () => undefined,
      clock: systemClock,
      log: silentLog,
    });
    return await TestHost.open({ directory, rights, peer });
  }

  /** Puts with two copies until both hosts hold the pledge; returns the number of the next segment. */
  async pledge(first = 1): Promise<number> {
    await this.put(0, nameOf(first), 2);
    await waitFor(async () => (await this.states()).every((state) => state === 'held'), { what: 'the pledge' });
    await this.put(0, nameOf(first + 1), 2);
    return first + 2;
  }
}

describe('senders that ask for two copies', () => {
  test('make the hosts pledge, and then the "no" of either speaks for both', async () => {
    const hosts = await Hosts.open();
    expect(await hosts.states()).toEqual([undefined, undefined]);
    const next = await hosts.pledge();
    await hosts.cut();
    expect(await hosts.no(0, nameOf(next))).toEqual({ kind: 'absent', speaksFor: 'arch2' });
    expect(await hosts.no(1, nameOf(next))).toEqual({ kind: 'absent', speaksFor: 'arch1' });
    expect(await hosts.no(1, '00000002.history')).toEqual({ kind: 'absent', speaksFor: 'arch1' });
    expect(await hosts.no(1, nameOf(0))).toEqual({ kind: 'absent', later: nameOf(1) });
  });

  test('are told which archive must have the file too', async () => {
    const hosts = await Hosts.open();
    const next = await hosts.pledge();
    const stores = await Promise.all(hosts.hosts.map((host) => host.store.storeId()));
    expect(await hosts.put(0, nameOf(next), 2)).toMatchObject({ peerState: 'stored', pledgedWith: stores[1] });
    await hosts.cut();
    expect(await hosts.put(0, nameOf(next + 1), 2)).toMatchObject({ peerState: 'debt', pledgedWith: stores[1] });
  });

  test.each([0, 1])('pledge nothing of what one host alone had before, asking host %i', async (asked) => {
    const hosts = await Hosts.open();
    await hosts.put(0, nameOf(1), 1);
    for (const number of [2, 3, 4]) await store(hosts.host(0).store, await segment(nameOf(number)));
    await hosts.put(asked, nameOf(1), 2);
    await waitFor(async () => (await hosts.states()).every((state) => state === 'held'), { what: 'the pledge' });
    await hosts.cut();
    expect(await hosts.no(1, nameOf(4))).toEqual({ kind: 'absent' });
    expect(await hosts.no(1, nameOf(5))).toEqual({ kind: 'absent', speaksFor: 'arch1' });
  });
});

describe.each([[1], [undefined]])('a sender that asks for %s copies', (minCopies) => {
  test('ends the pledge on both hosts', async () => {
    const hosts = await Hosts.open();
    const next = await hosts.pledge();
    expect(await hosts.put(1, nameOf(next), minCopies)).not.toHaveProperty('pledgedWith');
    expect(await hosts.states()).toEqual([undefined, undefined]);
    expect(await hosts.no(0, nameOf(next + 1))).toEqual({ kind: 'absent' });
  });

  test('is refused while the partner is away and would go on relying on it, and served when it is back', async () => {
    const hosts = await Hosts.open();
    const next = await hosts.pledge();
    await hosts.cut();
    const failure = await failureFrom('pledged', hosts.put(0, nameOf(next), minCopies));
    expect(failure.hint).toContain('pledge waive');
    expect(await hosts.states()).toEqual(['ended', 'held']);
    expect(await hosts.no(0, nameOf(next + 1))).toEqual({ kind: 'absent' });
    hosts.heal();
    expect(await hosts.put(0, nameOf(next), minCopies)).toMatchObject({ outcome: 'same', peerState: 'stored' });
    expect(await hosts.states()).toEqual([undefined, undefined]);
  });

  test('is served when a person has waived the pledge, and the partner is told when it is back', async () => {
    const hosts = await Hosts.open();
    const next = await hosts.pledge();
    await hosts.cut();
    const file = hosts.pledgeOf(0);
    const pledge = await file.read();
    await file.alone(() => file.write('waived', pledge?.partner ?? '', { newest: [], histories: [] }));
    expect(await hosts.put(0, nameOf(next), minCopies)).toMatchObject({ peerState: 'debt' });
    expect(await hosts.states()).toEqual(['waived', 'held']);
    hosts.heal();
    await hosts.put(0, nameOf(next + 1), minCopies);
    expect(await hosts.states()).toEqual([undefined, undefined]);
  });
});

test('the payer of debts tells a partner that is back, before it pays', async () => {
  const hosts = await Hosts.open();
  const next = await hosts.pledge();
  await hosts.cut();
  await failureFrom('pledged', hosts.put(0, nameOf(next), 1));
  const { directory, store: archive } = hosts.host(0);
  hosts.heal();
  const report = await payDebts({
    store: archive,
    debts: new Debts(directory, 'arch2'),
    connect: async () =>
      (await connect(await TestHost.open({ directory: hosts.host(1).directory, rights: ['sync'] }))).session,
    probeIntervalMs: 10,
    rate: new RateLimit(0, systemClock),
    clock: systemClock,
    log: silentLog,
    signal: new AbortController().signal,
    tell: () => undefined,
  });
  expect(report).toEqual({ paid: 1, unpayable: [] });
  expect(await hosts.states()).toEqual([undefined, undefined]);
});

describe('a host speaks for itself alone', () => {
  const damages: Record<string, (hosts: Hosts) => Promise<void> | void> = {
    'that was started again since': (hosts) =>
      rewrite(hosts, (text) => text.replace(/"bootId": "[^"]*"/, '"bootId": "x"')),
    'whose directory was put back from a copy': (hosts) =>
      rewrite(hosts, (text) => text.replace(/"place": "[^"]*"/, '"place": "1-2"')),
    'that lost what it stored last': (hosts) => rmSync(hosts.host(0).directory.walFile(nameOf(2))),
    'whose note of what it stored last is gone': (hosts) => rmSync(hosts.host(0).directory.lastLogFile),
    'whose pledge cannot be read': (hosts) => rewrite(hosts, () => '{}'),
    'whose pledge is gone': (hosts) => rmSync(hosts.host(0).directory.pledgeFile),
  };

  function rewrite(hosts: Hosts, change: (text: string) => string): void {
    const path = hosts.host(0).directory.pledgeFile;
    const before = readFileSync(path, 'utf8');
    writeFileSync(path, change(before));
    expect(readFileSync(path, 'utf8')).not.toBe(before);
  }

  test.each(Object.keys(damages))('%s', async (what) => {
    const hosts = await Hosts.open();
    const next = await hosts.pledge();
    await hosts.cut();
    await damages[what]?.(hosts);
    expect(await hosts.no(0, nameOf(next))).toEqual({ kind: 'absent' });
    expect(await hosts.no(1, nameOf(next))).toEqual({ kind: 'absent', speaksFor: 'arch1' });
  });

  test('and speaks for both again after the next file of a sender that asks for two copies', async () => {
    const hosts = await Hosts.open();
    const next = await hosts.pledge();
    await damages['that was started again since']?.(hosts);
    await hosts.cut();
    hosts.heal();
    await hosts.put(0, nameOf(next), 2);
    await waitFor(async () => (await hosts.pledgeOf(0).reliable()) !== undefined, { what: 'the pledge' });
    expect(await hosts.no(0, nameOf(next + 1))).toEqual({ kind: 'absent', speaksFor: 'arch2' });
  });

  test('and tells the partner so, when it no longer knows of the pledge', async () => {
    const hosts = await Hosts.open();
    const next = await hosts.pledge();
    await damages['whose pledge is gone']?.(hosts);
    await hosts.cut();
    hosts.heal();
    await hosts.put(0, nameOf(next), 1);
    expect(await hosts.states()).toEqual([undefined, undefined]);
  });
});

test('nobody but the peer makes or ends a pledge', async () => {
  const hosts = await Hosts.open();
  await hosts.pledge();
  const { session } = await connect(hosts.host(0));
  const storeId = await hosts.host(1).store.storeId();
  await failureFrom('not_allowed', askForPledge(session, { storeId, newest: [], histories: [] }));
  await failureFrom('not_allowed', askToUnpledge(session, storeId));
  expect(await hosts.states()).toEqual(['held', 'held']);
});
