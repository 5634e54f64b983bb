import { describe, expect, onTestFinished, test } from 'vitest';
import { EncodedBody } from '../../../packages/archive_cmd/src/ship/encoded-body.ts';
import { ReadBuffers } from '../../../packages/archive_cmd/src/ship/read-buffers.ts';
import { shipFile } from '../../../packages/archive_cmd/src/ship/ship-file.ts';
import { SourceFile } from '../../../packages/archive_cmd/src/ship/source-file.ts';
import { silentLog } from '../../../packages/core/src/base/log.ts';
import { parseArchiveFileName } from '../../../packages/core/src/wal/archive-file.ts';
import { waitFor } from '../../support/wait-for.ts';
import { nameOf, sha256, walSegment } from '../archive/wal-segment.ts';
import { failureFrom } from '../base/expect-failure.ts';
import type { Script } from '../session/scripted-host.ts';
import { storing } from '../session/scripted-host.ts';
import { testWal } from './source.ts';
import { refused, refusing, type TestHosts, testHosts, vanishing } from './test-hosts.ts';

async function ship(hosts: TestHosts, minCopies: 1 | 2 = 1, number = 1): Promise<void> {
  const file = parseArchiveFileName(nameOf(number));
  const source = await SourceFile.open(testWal().add(file.name), file);
  onTestFinished(() => source.close());
  const body = new EncodedBody(source, new ReadBuffers(1));
  const header = { name: file.name, modifiedMs: 0, forwarded: false };
  const world = { pool: hosts.pool, minCopies, preferredWaitMs: 250, clock: hosts.clock, log: silentLog };
  await shipFile(world, header, body);
}

describe('with one copy asked for', () => {
  test('the preferred host is asked, and nobody else', async () => {
    const hosts = testHosts({ arch1: { on: storing('a') }, arch2: { on: storing('b') } });
    await ship(hosts);
    expect(hosts.attempts).toEqual({ arch1: 1 });
    expect(hosts.puts('arch1')).toMatchObject([{ name: nameOf(1), forwarded: false }]);
  });

  test('the other host is asked when the preferred one cannot be reached', async () => {
    const hosts = testHosts({ arch1: refused('arch1'), arch2: { on: storing('b') } });
    await ship(hosts);
    expect(hosts.puts('arch2')).toHaveLength(1);
    // Nothing was sent to the first one, so nothing can be there yet.
    expect(hosts.puts('arch2')[0]).not.toHaveProperty('digest');
  });

  test('the other host is asked by digest when the preferred one was lost in the middle of the file', async () => {
    const hosts = testHosts({ arch1: vanishing, arch2: { on: storing('b') } });
    await ship(hosts);
    expect(hosts.puts('arch2')).toMatchObject([{ digest: sha256(walSegment(nameOf(1))) }]);
  });

  test.each(['disk_full', 'disk_error', 'not_initialized', 'not_allowed', 'damaged', 'internal', 'predecessor_failed'])(
    'the other host is asked when the preferred one answers %s',
    async (code) => {
      const hosts = testHosts({ arch1: refusing(code), arch2: { on: storing('b') } });
      await ship(hosts);
      expect(hosts.puts('arch2')).toHaveLength(1);
    },
  );

  test.each(['conflict', 'wrong_cluster', 'bad_page_header', 'bad_name', 'too_far_ahead', 'quarantine_full'] as const)(
    'a refusal of the file itself, %s, is final: the other host is not asked to keep it',
    async (code) => {
      const hosts = testHosts({ arch1: refusing(code), arch2: { on: storing('b') } });
      await failureFrom(code, ship(hosts));
      expect(hosts.puts('arch2')).toEqual([]);
      expect(hosts.failuresOf('arch1'), 'and says nothing about the host').toBe(0);
    },
  );

  test('both gone is the first one’s failure, and tells both', async () => {
    const hosts = testHosts({ arch1: refused('arch1'), arch2: refused('arch2') });
    const failure = await failureFrom('host_unreachable', ship(hosts));
    expect(failure.message).toContain('arch1: connection refused');
    expect(failure.message).toContain('arch2: connection refused');
    expect(failure.exit).toBe(20);
  });

  test('a preferred host that says nothing while it is connected to does not keep the file from the other one', async () => {
    let giveUp: (error: Error) => void = () => undefined;
    const silent = () =>
      new Promise<never>((_resolve, reject) => {
        giveUp = reject;
      });
    const hosts = testHosts({ arch1: silent, arch2: { on: storing('b') } });
    const shipping = ship(hosts);
    await waitFor(() => hosts.clock.sleeperCount > 0, { what: 'the first attempt to be waited for' });
    expect(hosts.attempts).toEqual({ arch1: 1 });
    hosts.clock.advance(250);
    await shipping;
    expect(hosts.attempts).toEqual({ arch1: 1, arch2: 1 });
    giveUp(refused('arch1'));
  });

  test('a preferred host that stays silent is waited for once in an attempt, not by each file', async () => {
    let giveUp: (error: Error) => void = () => undefined;
    const silent = () =>
      new Promise<never>((_resolve, reject) => {
        giveUp = reject;
      });
    const hosts = testHosts({ arch1: silent, arch2: { on: storing('b') } }, 1);
    const first = ship(hosts);
    await waitFor(() => hosts.clock.sleeperCount > 0, { what: 'the first attempt to be waited for' });
    hosts.clock.advance(100);
    const second = ship(hosts, 1, 2);
    await waitFor(() => hosts.clock.sleeperCount > 1, { what: 'the same attempt to be waited for' });
    hosts.clock.advance(150);
    await Promise.all([first, second]);
    await ship(hosts, 1, 3);
    expect(hosts.puts('arch2')).toHaveLength(3);
    expect(hosts.attempts).toEqual({ arch1: 1, arch2: 1 });
    giveUp(refused('arch1'));
    await waitFor(() => hosts.failuresOf('arch1') === 1, { what: 'the attempt to be over' });
    // The next attempt is another question.
    hosts.clock.advance(60_000);
    const fourth = ship(hosts, 1, 4);
    await waitFor(() => hosts.clock.sleeperCount > 0, { what: 'the second attempt to be waited for' });
    hosts.clock.advance(250);
    await fourth;
    expect(hosts.attempts).toEqual({ arch1: 2, arch2: 1 });
    giveUp(refused('arch1'));
  });

  test('a preferred host that answers late is still asked when the other one cannot be reached', async () => {
    let answer: (script: Script) => void = () => undefined;
    const late = () =>
      new Promise<Script>((resolve) => {
        answer = resolve;
      });
    const hosts = testHosts({ arch1: late, arch2: refused('arch2') });
    const shipping = ship(hosts);
    await waitFor(() => hosts.clock.sleeperCount > 0, { what: 'the first attempt to be waited for' });
    hosts.clock.advance(250);
    await waitFor(() => hosts.attempts['arch2'] === 1, { what: 'the second attempt' });
    answer({ on: storing('a') });
    await shipping;
    expect(hosts.attempts).toEqual({ arch1: 1, arch2: 1 });
  });
});

test('a pledge that keeps the one host from taking a file alone says how to go on, and is no failure of the host', async () => {
  const hosts = testHosts({ arch1: refused('arch1'), arch2: refusing('pledged') }, 1);
  const failure = await failureFrom('pledged', ship(hosts, 1));
  expect(failure.message).toContain('arch1: connection refused');
  expect(hosts.pool.coolingHosts()).toEqual(['arch1']);
});

describe('with two copies asked for', () => {
  test('what the first host forwarded counts', async () => {
    const answer = storing('a', { peerState: 'stored', peerStoreId: 'b' });
    const hosts = testHosts({ arch1: { on: answer }, arch2: { on: storing('b') } });
    await ship(hosts, 2);
    expect(hosts.puts('arch2')).toEqual([]);
  });

  test.each(['debt', 'none'])('the other host is asked by digest when the first one says %s', async (peerState) => {
    const hosts = testHosts({ arch1: { on: storing('a', { peerState }) }, arch2: { on: storing('b') } });
    await ship(hosts, 2);
    expect(hosts.puts('arch2')).toMatchObject([{ digest: sha256(walSegment(nameOf(1))) }]);
  });

  test('one store that is reached by two names is one copy', async () => {
    const hosts = testHosts({ arch1: { on: storing('a') }, arch2: { on: storing('a') } });
    const failure = await failureFrom('copies_missing', ship(hosts, 2));
    expect(failure.message).toContain('1 of 2');
  });

  test('a store that says it forwarded to itself is one copy', async () => {
    const answer = storing('a', { peerState: 'stored', peerStoreId: 'a' });
    const hosts = testHosts({ arch1: { on: answer }, arch2: refused('arch2') });
    await failureFrom('copies_missing', ship(hosts, 2));
  });

  test('a forwarded copy without a store’s name counts for nothing', async () => {
    const hosts = testHosts({ arch1: { on: storing('a', { peerState: 'stored' }) }, arch2: refused('arch2') });
    await failureFrom('copies_missing', ship(hosts, 2));
  });

  test('the archive that a host has a pledge with must be among them', async () => {
    const pledged = storing('a', { pledgedWith: 'b' });
    const enough = testHosts({ arch1: { on: pledged }, arch2: { on: storing('b') } });
    await ship(enough, 2);
    const another = testHosts({ arch1: { on: pledged }, arch2: { on: storing('c') } });
    const failure = await failureFrom('copies_missing', ship(another, 2));
    expect(failure.message).toContain('pledge');
  });

  test('each host hears how many copies the sender waits for', async () => {
    const hosts = testHosts({ arch1: { on: storing('a') }, arch2: { on: storing('b') } });
    await ship(hosts, 2);
    for (const host of ['arch1', 'arch2']) expect(hosts.puts(host)).toMatchObject([{ minCopies: 2 }]);
  });

  test('one host alone is not enough, and says who is missing', async () => {
    const hosts = testHosts({ arch1: { on: storing('a') }, arch2: refused('arch2') });
    const failure = await failureFrom('copies_missing', ship(hosts, 2));
    expect(failure.message).toContain('arch2: connection refused');
  });

  test('a host in cooldown is tried all the same', async () => {
    const hosts = testHosts({ arch1: { on: storing('a') }, arch2: { on: storing('b') } }, 1);
    const [, second] = hosts.pool.turns();
    if (second === undefined) throw new Error('no second host');
    hosts.pool.failed(second.host, 'lately');
    expect(hosts.pool.coolingHosts()).toEqual(['arch2']);
    await ship(hosts, 2);
    expect(hosts.puts('arch2')).toHaveLength(1);
    expect(hosts.pool.coolingHosts()).toEqual([]);
  });
});

describe('failures of a host', () => {
  test('are counted once for a lost session, however many files were under way', async () => {
    const hosts = testHosts({ arch1: { on: () => undefined }, arch2: { on: storing('b') } });
    const shipping = [1, 2, 3].map((number) => ship(hosts, 1, number));
    await waitFor(() => hosts.puts('arch1').length === 3, { what: 'three files under way' });
    for (const session of hosts.sessions['arch1'] ?? []) session.vanish();
    await Promise.all(shipping);
    expect(hosts.failuresOf('arch1')).toBe(1);
  });

  test('are counted once for an attempt that many files waited for', async () => {
    const hosts = testHosts({ arch1: refused('arch1'), arch2: { on: storing('b') } });
    await Promise.all([1, 2, 3].map((number) => ship(hosts, 1, number)));
    expect(hosts.failuresOf('arch1')).toBe(hosts.attempts['arch1']);
  });

  test('in a row put it last, and a success puts it back', async () => {
    const behaviours = {
      arch1: refused('arch1') as Parameters<typeof testHosts>[0][string],
      arch2: { on: storing('b') },
    };
    const hosts = testHosts(behaviours, 2);
    await ship(hosts);
    await ship(hosts);
    expect(hosts.pool.turns().map(({ host, mode }) => [host.text, mode])).toEqual([
      ['arch2', 'try'],
      ['arch1', 'probe'],
    ]);
    await ship(hosts);
    expect(hosts.attempts['arch1'], 'it is not asked while the other one works').toBe(2);
    behaviours.arch1 = { on: storing('a') };
    hosts.clock.advance(60_000);
    await ship(hosts);
    expect(hosts.puts('arch1')).toHaveLength(1);
    expect(hosts.pool.coolingHosts()).toEqual([]);
  });

  test('do not count when a file waited for another one that failed', async () => {
    const hosts = testHosts({ arch1: refusing('predecessor_failed'), arch2: { on: storing('b') } });
    await ship(hosts);
    expect(hosts.failuresOf('arch1')).toBe(0);
  });

  test('of both in one call are one each, although the second was connected to early', async () => {
    let giveUp: (error: Error) => void = () => undefined;
    const silent = () =>
      new Promise<never>((_resolve, reject) => {
        giveUp = reject;
      });
    const hosts = testHosts({ arch1: silent, arch2: refused('arch2') });
    const shipping = ship(hosts);
    await waitFor(() => hosts.clock.sleeperCount > 0, { what: 'the first attempt to be waited for' });
    hosts.clock.advance(250);
    await waitFor(() => hosts.failuresOf('arch2') === 1, { what: 'the second one to refuse' });
    giveUp(refused('arch1'));
    await failureFrom('host_unreachable', shipping);
    expect([hosts.failuresOf('arch1'), hosts.failuresOf('arch2')]).toEqual([1, 1]);
  });
});
