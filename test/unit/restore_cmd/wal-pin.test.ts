import { describe, expect, onTestFinished, test } from 'vitest';
import { Pins } from '../../../packages/core/src/backups/pins.ts';
import { systemClock } from '../../../packages/core/src/base/clock.ts';
import { probeHost } from '../../../packages/core/src/hosts/ask.ts';
import { HostPool } from '../../../packages/core/src/hosts/host-pool.ts';
import { parseHostList } from '../../../packages/core/src/hosts/host-spec.ts';
import { parseArchiveFileName, type SegmentFile } from '../../../packages/core/src/wal/archive-file.ts';
import { parseSegmentSize } from '../../../packages/core/src/wal/segment-size.ts';
import { oldestNeeded, pinHolder, WalPin } from '../../../packages/restore_cmd/src/agent/wal-pin.ts';
import { waitFor } from '../../support/wait-for.ts';
import { mib, nameOf } from '../archive/wal-segment.ts';
import { ManualClock } from '../session/manual-clock.ts';
import { recordedLog } from '../session/recorded-log.ts';
import { connect, TestHost } from '../session/test-host.ts';

const size = parseSegmentSize(mib);
const fileOf = (number: number, timeline = 1) => parseArchiveFileName(nameOf(number, timeline)) as SegmentFile;
const lsnOf = (number: number) => `0/${(number * mib).toString(16).toUpperCase()}`;

describe('the oldest WAL that a server may ask for again', () => {
  test.each([
    ['with an empty pg_wal', 20, [], 16],
    ['with what it needs after a restart in pg_wal', 20, [nameOf(9), nameOf(12)], 9],
    ['of another timeline too', 20, [nameOf(9, 2)], 9],
    ['with files that wait to be used again', 20, [nameOf(30), nameOf(31)], 16],
    ['with a younger pg_wal', 20, [nameOf(19)], 16],
    ['with other files', 20, ['archive_status', '00000002.history', `${nameOf(3)}.partial`], 16],
    ['at the beginning of all WAL', 2, [], 0],
  ])('%s', (_, asked, walNames, expected) => {
    expect(oldestNeeded(fileOf(asked), size, walNames)).toBe(lsnOf(expected));
  });
});

test('a pin’s holder is a machine and a data directory, in the characters that it may have', () => {
  expect(pinHolder('db2', '/var/lib/postgresql/15/main')).toBe('restore_cmd db2:/var/lib/postgresql/15/main');
  expect(pinHolder('db2', `/ünïcode/$x/${'y'.repeat(100)}`)).toMatch(/^restore_cmd db2:\/_n_code\/_x\/y+$/);
  expect(pinHolder('db2', `/${'y'.repeat(100)}`)).toHaveLength(80);
});

describe('what a server restores', () => {
  async function pinOn(rights: ('get' | 'put')[]) {
    const host = await TestHost.open({ rights });
    const clock = new ManualClock();
    const recorded = recordedLog();
    const hosts = parseHostList('arch1');
    const pool = new HostPool({
      hosts,
      policy: { retryCount: 3, cooldownMs: 1000 },
      open: async () => (await connect(host)).session,
      cooldown: new Map(),
      onCooldownChange: () => undefined,
      clock: systemClock,
      log: recorded.log,
    });
    onTestFinished(() => pool.stop());
    const pin = new WalPin({ pool, hosts, holder: 'db2', dataDirectory: '/nonexistent', clock, log: recorded.log });
    const pins = async () => (await new Pins(host.directory).list()).map(({ from, holder }) => ({ from, holder }));
    const [spec] = hosts;
    if (spec === undefined) throw new Error('a host was parsed');
    return { host, pin, pins, clock, recorded, connectTo: async () => await pool.session(spec) };
  }

  test('is pinned on the hosts that there is a session with, and the one pin moves on', async () => {
    const { pin, pins, clock, connectTo } = await pinOn(['get']);
    pin.asked(fileOf(10), size);
    expect(await pins()).toEqual([]);
    await connectTo();
    pin.asked(fileOf(10), size);
    const isFrom = async (number: number) => {
      const found = await pins();
      expect(found).toMatchObject([{ from: { timeline: 1, lsn: BigInt(number * mib) }, holder: 'db2' }]);
      return true;
    };
    await waitFor(() => isFrom(6), { what: 'the pin' });
    pin.asked(fileOf(20), size);
    clock.advance(120_000);
    pin.asked(fileOf(30, 2), size);
    await waitFor(async () => (await pins())[0]?.from.timeline === 2, { what: 'the pin to move' });
    expect(await pins()).toMatchObject([{ from: { timeline: 2, lsn: BigInt(26 * mib) } }]);
  });

  test('is restored all the same where a host does not pin it, which is said once', async () => {
    const { host, pin, clock, recorded, connectTo } = await pinOn(['put']);
    const session = await connectTo();
    const told = () => recorded.lines.filter((line) => line.includes('WAL not pinned'));
    const refusals = () => host.recorded.lines.filter((line) => line.includes('request refused')).length;
    for (const number of [1, 2, 3]) {
      pin.asked(fileOf(number), size);
      await waitFor(() => refusals() === number, { what: 'the refusal' });
      clock.advance(120_000);
    }
    // The host answers what is asked after that when the refusal was heard.
    await probeHost(session).catch(() => undefined);
    expect(told()).toHaveLength(1);
    expect(session.isOpen).toBe(true);
  });
});
