import { existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { AcceptedHoles } from '../../../packages/core/src/archive/accepted-holes.ts';
import { readClusterRecord } from '../../../packages/core/src/archive/identity.ts';
import { Tombstones } from '../../../packages/core/src/archive/tombstones.ts';
import type { SegmentName } from '../../../packages/core/src/wal/archive-file.ts';
import { formatReport, formatReportJson } from '../../../packages/wal-sync/src/format-report.ts';
import { isEqual, statusOf } from '../../../packages/wal-sync/src/verdict.ts';
import { store } from '../archive/test-store.ts';
import { encoded, nameOf, plain, segment, sha256, walSegment } from '../archive/wal-segment.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { ManualClock } from '../session/manual-clock.ts';
import type { TestHost } from '../session/test-host.ts';
import { TwoHosts } from './two-hosts.ts';

const name = (number: number) => nameOf(number) as SegmentName;
const dayMs = 24 * 3600 * 1000;

async function put(host: TestHost, numbers: readonly number[], seed = 1): Promise<void> {
  for (const number of numbers) await store(host.store, await segment(name(number), { seed }));
}

async function hostsWith(first: readonly number[], second: readonly number[] = first): Promise<TwoHosts> {
  const hosts = await TwoHosts.open();
  await put(hosts.arch1, first);
  await put(hosts.arch2, second);
  for (const host of hosts.both) host.published.length = 0;
  return hosts;
}

const path = (host: TestHost, number: number) => host.directory.walFile(name(number));

function names(host: TestHost): string[] {
  return readdirSync(host.directory.walDirectory).sort();
}

function digests(host: TestHost): Record<string, string> {
  return Object.fromEntries(names(host).map((file) => [file, sha256(readFileSync(host.directory.walFile(file)))]));
}

function quarantine(host: TestHost): string[] {
  return existsSync(host.directory.quarantineDirectory) ? readdirSync(host.directory.quarantineDirectory).sort() : [];
}

/** Flips a bit of what is stored, in the middle, so that its size stays. */
function rot(host: TestHost, number: number): void {
  const bytes = readFileSync(path(host, number));
  const middle = Math.floor(bytes.length / 2);
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
  writeFileSync(path(host, number), bytes);
}

describe('files that one host lacks', () => {
  test('are copied both ways, history files first, and nothing else changes', async () => {
    const hosts = await hostsWith([1, 2, 5, 6], [1, 3, 4]);
    await store(hosts.arch2.store, plain('00000002.history', `1\t0/700000\tx\n`));
    hosts.arch2.published.length = 0;
    const report = await hosts.sync();
    expect(report).toMatchObject({ fetched: { files: 3 }, sent: { files: 3 }, damaged: [], failed: [], holes: [] });
    expect(hosts.arch1.published).toEqual(['00000002.history', name(3), name(4)]);
    expect(hosts.arch2.published).toEqual([name(2), name(5), name(6)]);
    expect(digests(hosts.arch1)).toEqual(digests(hosts.arch2));
    expect([statusOf(report), isEqual(report)]).toEqual([0, true]);
    const [before, again] = [digests(hosts.arch1), await hosts.sync()];
    expect(again).toMatchObject({ fetched: { files: 0 }, sent: { files: 0 }, compared: 0 });
    expect(digests(hosts.arch1)).toEqual(before);
  });

  test('get their names in order, although later ones arrive sooner because they are small', async () => {
    const hosts = await hostsWith([1]);
    const [large, ...small] = [2, 3, 4, 5, 6];
    await put(hosts.arch2, [large ?? 0]);
    for (const number of small) {
      const raw = walSegment(name(number));
      raw.fill(0, 40);
      await store(hosts.arch2.store, await encoded(name(number), raw));
    }
    await hosts.sync();
    expect(hosts.arch1.published).toEqual([2, 3, 4, 5, 6].map(name));
  });

  test('keep the time of their source', async () => {
    const hosts = await hostsWith([1], [2]);
    await hosts.sync();
    for (const host of hosts.both) {
      for (const number of [1, 2]) expect(statSync(path(host, number)).mtimeMs).toBe(1_700_000_000_000);
    }
  });

  test('fill an empty host, which learns whose archive it is, from either side', async () => {
    for (const from of ['arch1', 'arch2'] as const) {
      const hosts = await TwoHosts.open();
      const full = hosts[from];
      await put(full, [1, 2, 3, 4, 5]);
      await store(full.store, plain('00000002.history', `1\t0/500000\tx\n`));
      const report = await hosts.sync();
      expect(statusOf(report)).toBe(0);
      expect(digests(hosts.arch1)).toEqual(digests(hosts.arch2));
      const [first, second] = await Promise.all(hosts.both.map(({ directory }) => readClusterRecord(directory)));
      expect(first?.systemIdentifier).toBe(second?.systemIdentifier);
    }
  });

  test('and were removed on purpose, on either side, are not brought back', async () => {
    const hosts = await hostsWith([1, 2, 5], [3, 4, 5]);
    await new Tombstones(hosts.arch1.directory).bury([name(1), name(3)], 0);
    await new Tombstones(hosts.arch2.directory).bury([name(2)], 0);
    const report = await hosts.sync();
    expect(names(hosts.arch1)).toEqual([1, 2, 4, 5].map(name));
    // The tombstone of a file that is there says nothing.
    expect(names(hosts.arch2)).toEqual([1, 3, 4, 5].map(name));
    expect(isEqual(report)).toBe(true);
  });

  test('are only counted in a dry run', async () => {
    const hosts = await hostsWith([1, 2], [2, 3, 4]);
    const report = await hosts.sync(hosts.arch1, { dryRun: true });
    expect([report.fetched.files, report.sent.files]).toEqual([2, 1]);
    expect([names(hosts.arch1), names(hosts.arch2)]).toEqual([[1, 2].map(name), [2, 3, 4].map(name)]);
    expect([statusOf(report), isEqual(report)]).toEqual([42, false]);
    expect(existsSync(join(hosts.arch1.directory.stateDirectory, 'scrub.json'))).toBe(false);
  });

  test('and that its peer has damaged do not spread, and are named', async () => {
    const hosts = await hostsWith([1, 2, 5], [1, 2, 3, 4, 5]);
    rot(hosts.arch2, 3);
    rot(hosts.arch1, 1);
    rmSync(path(hosts.arch2, 1));
    const report = await hosts.sync();
    expect(names(hosts.arch1)).toEqual([1, 2, 4, 5].map(name));
    expect(names(hosts.arch2)).toEqual([2, 3, 4, 5].map(name));
    expect(report.damaged.map((file) => [file.name, file.here, file.there])).toEqual([
      [name(3), 'absent', 'damaged'],
      [name(1), 'damaged', 'absent'],
    ]);
    expect(statusOf(report)).toBe(36);
  });

  test('are all there after a run that was cut off in the middle and another one', async () => {
    const all = Array.from({ length: 30 }, (_, index) => index + 1);
    const hosts = await hostsWith([1], all);
    const cutOff = hosts.sync(hosts.arch1, {
      before: ({ channel }) => {
        const note = hosts.arch1.store.notePublished.bind(hosts.arch1.store);
        hosts.arch1.store.notePublished = async (file) => {
          await note(file);
          if (file.name === name(4)) channel.close();
        };
      },
    });
    await failureFrom('host_unreachable', cutOff);
    const after = names(hosts.arch1);
    expect(after).toContain(name(4));
    expect(after).not.toContain(name(30));
    // In their order: no hole.
    expect(after).toEqual(all.map(name).slice(0, after.length));
    expect(statusOf(await hosts.sync())).toBe(0);
    expect(digests(hosts.arch1)).toEqual(digests(hosts.arch2));
  });
});

describe('a damaged file', () => {
  test('with another size is found at once, on either side, and replaced; it stays in the quarantine', async () => {
    const hosts = await hostsWith([1, 2, 3]);
    const whole = digests(hosts.arch1);
    truncateSync(path(hosts.arch1, 1), 5000);
    truncateSync(path(hosts.arch2, 2), 0);
    const report = await hosts.sync();
    expect([report.repairedHere, report.repairedThere]).toEqual([[name(1)], [name(2)]]);
    expect([digests(hosts.arch1), digests(hosts.arch2)]).toEqual([whole, whole]);
    expect(quarantine(hosts.arch1)).toEqual([expect.stringContaining(`${name(1)}.damaged-`)]);
    expect(quarantine(hosts.arch2)).toEqual([expect.stringContaining(`${name(2)}.damaged-`)]);
    expect(statusOf(report)).toBe(0);
    const events = readFileSync(hosts.arch1.directory.eventsFile, 'utf8')
      .trim()
      .split('\n')
      .map((it) => JSON.parse(it));
    expect(events.map(({ event, name, where }) => `${event} ${name} ${where}`).sort()).toEqual([
      `repaired ${name(1)} here`,
      `repaired ${name(2)} there`,
    ]);
  });

  test('of the same size is found by reading, on either side', async () => {
    const hosts = await hostsWith([1, 2, 3]);
    const whole = digests(hosts.arch1);
    rot(hosts.arch1, 1);
    rot(hosts.arch2, 2);
    expect((await hosts.sync()).compared, 'names and sizes are equal').toBe(0);
    const report = await hosts.sync(hosts.arch1, { checksum: true });
    expect(report).toMatchObject({ compared: 3, repairedHere: [name(1)], repairedThere: [name(2)] });
    expect([digests(hosts.arch1), digests(hosts.arch2)]).toEqual([whole, whole]);
  });

  test('of a history file that was torn before it was archived is named, and hides nothing else', async () => {
    const hosts = await hostsWith([1, 2, 4]);
    for (const host of hosts.both) writeFileSync(host.directory.walFile('00000002.history'), '1\t0/3000');
    const report = await hosts.sync();
    expect(report.damaged).toMatchObject([{ name: '00000002.history', here: 'damaged', there: 'damaged' }]);
    expect(report.holes).toMatchObject([{ from: name(3) }]);
    expect(statusOf(report)).toBe(36);
  });

  test('is not touched in a dry run', async () => {
    const hosts = await hostsWith([1, 2]);
    rot(hosts.arch1, 1);
    const before = digests(hosts.arch1);
    const report = await hosts.sync(hosts.arch1, { checksum: true, dryRun: true });
    expect(report.repairedHere).toEqual([name(1)]);
    expect(digests(hosts.arch1)).toEqual(before);
    expect(statusOf(report)).toBe(42);
  });

  test('that is damaged on both hosts stays, and is named by every run', async () => {
    const hosts = await hostsWith([1, 2]);
    for (const host of hosts.both) rot(host, 1);
    const before = hosts.both.map(digests);
    for (const flags of [{ checksum: true }, {}]) {
      const report = await hosts.sync(hosts.arch1, flags);
      expect(report.damaged.map((file) => [file.name, file.here, file.there])).toEqual([
        [name(1), 'damaged', 'damaged'],
      ]);
      expect(statusOf(report)).toBe(36);
    }
    expect(hosts.both.map(digests)).toEqual(before);
  });

  test('is not replaced while it only cannot be read', async () => {
    const hosts = await hostsWith([1, 2]);
    writeFileSync(path(hosts.arch1, 1), Buffer.from('1f8b080000000000', 'hex'));
    const report = await hosts.sync();
    expect(report.damaged).toMatchObject([{ name: name(1), here: 'unreadable', there: 'whole' }]);
    expect(readFileSync(path(hosts.arch1, 1)).length).toBe(8);
  });

  test('with no room in the quarantine stays, and is named', async () => {
    const hosts = await hostsWith([1, 2]);
    truncateSync(path(hosts.arch1, 1), 5000);
    const full = Array.from({ length: 64 }, (_, number) => `${name(number + 100)}.damaged-0123`);
    await import('node:fs/promises').then((fs) => fs.mkdir(hosts.arch1.directory.quarantineDirectory));
    for (const file of full) writeFileSync(join(hosts.arch1.directory.quarantineDirectory, file), '');
    const report = await hosts.sync();
    expect(report.failed).toMatchObject([{ name: name(1), code: 'quarantine_full' }]);
    expect(readFileSync(path(hosts.arch1, 1)).length).toBe(5000);
    expect(statusOf(report)).toBe(37);
  });

  test('of a history file is what a torn write left of it; anything else is a second truth', async () => {
    const hosts = await hostsWith([1]);
    const text = '1\t0/700000\tno recovery target specified\n';
    for (const host of hosts.both) await store(host.store, plain('00000002.history', text));
    writeFileSync(hosts.arch2.directory.walFile('00000002.history'), text.slice(0, 20));
    expect((await hosts.sync()).repairedThere).toEqual(['00000002.history']);
    writeFileSync(hosts.arch1.directory.walFile('00000002.history'), text.slice(0, 15));
    expect((await hosts.sync()).repairedHere).toEqual(['00000002.history']);
    expect(digests(hosts.arch1)).toEqual(digests(hosts.arch2));
    writeFileSync(hosts.arch1.directory.walFile('00000002.history'), '1\t0/600000\tx\n');
    expect((await hosts.sync()).conflicts).toMatchObject([{ name: '00000002.history', lsn: undefined }]);
  });
});

describe('two contents under one name', () => {
  async function split(): Promise<TwoHosts> {
    const hosts = await hostsWith([1, 2]);
    await put(hosts.arch1, [3]);
    await put(hosts.arch2, [3], 2);
    return hosts;
  }

  test('are both kept on both hosts, neither is touched, and every run says so', async () => {
    const hosts = await split();
    const before = hosts.both.map(digests);
    const [ours, theirs] = await Promise.all([1, 2].map((seed) => segment(name(3), { seed })));
    const report = await hosts.sync(hosts.arch1, { checksum: true });
    expect(report.conflicts).toEqual([
      {
        name: name(3),
        digestHere: ours?.rawDigest,
        digestThere: theirs?.rawDigest,
        firstDifferingPage: 0,
        lsn: '0/300000',
      },
    ]);
    expect(hosts.both.map(digests)).toEqual(before);
    expect(quarantine(hosts.arch1)).toEqual([`${name(3)}.${theirs?.rawDigest.slice(0, 16)}`]);
    expect(quarantine(hosts.arch2)).toEqual([`${name(3)}.${ours?.rawDigest.slice(0, 16)}`]);
    const again = await hosts.sync();
    expect([statusOf(report), statusOf(again)]).toEqual([15, 15]);
    expect(again.conflicts).toEqual(report.conflicts);
    expect(quarantine(hosts.arch1)).toHaveLength(1);
  });

  test('are told from page and position where they begin to differ', async () => {
    const hosts = await hostsWith([1, 2]);
    const form = await segment(name(3));
    await store(hosts.arch1.store, form);
    const other = Buffer.from(form.raw);
    other.writeUInt8(other.readUInt8(5 * 8192 + 17) ^ 1, 5 * 8192 + 17);
    await store(hosts.arch2.store, plain(name(3), other));
    const report = await hosts.sync();
    expect(report.conflicts).toMatchObject([{ firstDifferingPage: 5, lsn: '0/30A000' }]);
    expect(formatReport(report)).toContain(
      `conflict  ${name(3)}: two contents, differing from page 5 (LSN 0/30A000); see "archive_remote_cmd conflict show`,
    );
  });

  test('are equal again after a person has settled it on one host', async () => {
    const hosts = await split();
    await hosts.sync(hosts.arch1, { checksum: true });
    writeFileSync(path(hosts.arch2, 3), readFileSync(path(hosts.arch1, 3)));
    const report = await hosts.sync();
    expect([statusOf(report), report.compared]).toEqual([0, 1]);
    expect((await hosts.sync()).compared).toBe(0);
  });

  test('are not copied in a dry run', async () => {
    const hosts = await split();
    const report = await hosts.sync(hosts.arch1, { checksum: true, dryRun: true });
    expect(statusOf(report)).toBe(15);
    expect(hosts.both.map(quarantine)).toEqual([[], []]);
  });

  test('with one stored form each are one content', async () => {
    const hosts = await hostsWith([1]);
    const form = await segment(name(2));
    await store(hosts.arch1.store, form);
    await store(hosts.arch2.store, plain(name(2), form.raw));
    const report = await hosts.sync();
    expect([statusOf(report), report.compared]).toEqual([0, 1]);
    expect((await hosts.sync()).compared, 'it is remembered').toBe(0);
    truncateSync(path(hosts.arch2, 2), 5000);
    expect((await hosts.sync()).repairedThere).toEqual([name(2)]);
  });
});

describe('debts', () => {
  test('on both hosts are settled when the copies are there, also those that were there already', async () => {
    const hosts = await hostsWith([1, 2, 5], [1, 3, 4, 5]);
    for (const number of [1, 2]) await hosts.debts(hosts.arch1).record(name(number));
    for (const number of [1, 3, 4]) await hosts.debts(hosts.arch2).record(name(number));
    const report = await hosts.sync();
    expect([report.debtsSettled, report.debtsLeft, report.compared]).toEqual([5, 0, 1]);
    for (const host of hosts.both) expect(await hosts.debts(host).count()).toBe(0);
  });

  test('of files that were removed are dropped', async () => {
    const hosts = await hostsWith([1]);
    for (const host of hosts.both) await hosts.debts(host).record(name(9));
    expect((await hosts.sync()).debtsLeft).toBe(0);
    for (const host of hosts.both) expect(await hosts.debts(host).count()).toBe(0);
  });

  test('stay where the copy could not be made, or differs', async () => {
    const hosts = await hostsWith([1, 2, 3], [1]);
    rot(hosts.arch1, 2);
    await put(hosts.arch2, [3], 2);
    for (const number of [2, 3]) await hosts.debts(hosts.arch1).record(name(number));
    const report = await hosts.sync();
    expect(report.debtsLeft).toBe(2);
    expect((await hosts.debts(hosts.arch1).list()).map((file) => file.name)).toEqual([name(2), name(3)]);
  });
});

describe('the rotation', () => {
  test('reads as many files as the time since the last run has earned, all within its days', async () => {
    const hosts = await hostsWith([1, 2, 3, 4, 5, 6, 7]);
    const clock = new ManualClock();
    const compared: number[] = [];
    compared.push((await hosts.sync(hosts.arch1, { clock })).compared);
    for (let day = 0; day < 8; day++) {
      clock.advance(dayMs);
      compared.push((await hosts.sync(hosts.arch1, { clock })).compared);
      compared.push((await hosts.sync(hosts.arch1, { clock })).compared);
    }
    expect(compared).toEqual([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0]);
    clock.advance(365 * dayMs);
    expect((await hosts.sync(hosts.arch1, { clock })).compared, 'everything, and only once').toBe(7);
  });

  test('finds a damaged file of the same size within its days', async () => {
    const hosts = await hostsWith([1, 2, 3, 4, 5, 6, 7]);
    const clock = new ManualClock();
    await hosts.sync(hosts.arch1, { clock });
    rot(hosts.arch2, 5);
    const repaired: string[] = [];
    for (let run = 0; run < 14; run++) {
      clock.advance(dayMs / 2);
      repaired.push(...(await hosts.sync(hosts.arch1, { clock })).repairedThere);
    }
    expect(repaired).toEqual([name(5)]);
  });

  test('goes on after the clock was in the future once', async () => {
    const hosts = await hostsWith([1, 2, 3, 4, 5, 6, 7]);
    const clock = new ManualClock();
    const wrong = new ManualClock();
    wrong.advance(3650 * dayMs);
    await hosts.sync(hosts.arch1, { clock: wrong });
    await hosts.sync(hosts.arch1, { clock });
    clock.advance(2 * dayMs);
    expect((await hosts.sync(hosts.arch1, { clock })).compared).toBe(2);
  });

  test('reads nothing with 0 days', async () => {
    const hosts = await hostsWith([1, 2, 3]);
    const clock = new ManualClock();
    await hosts.sync(hosts.arch1, { clock, scrubDays: 0 });
    clock.advance(100 * dayMs);
    expect((await hosts.sync(hosts.arch1, { clock, scrubDays: 0 })).compared).toBe(0);
  });
});

describe('segments that both hosts lack', () => {
  test('are listed, over both hosts together, until a person accepts them', async () => {
    const hosts = await hostsWith([1, 2, 8], [2, 4, 8]);
    const report = await hosts.sync();
    expect(report.holes.map(({ from, to, count }) => [from, to, count])).toEqual([
      [name(3), name(3), 1],
      [name(5), name(7), 3],
    ]);
    expect([statusOf(report), isEqual(report)]).toEqual([45, true]);
    for (const [from, to] of [
      [3, 3],
      [5, 7],
    ] as const) {
      const hole = { from: name(from), to: name(to), why: 'disk lost', who: 'anna@arch2', atMs: 1_700_000_000_000 };
      await new AcceptedHoles(hosts.arch2.directory).add([hole], 0);
    }
    const again = await hosts.sync();
    expect(statusOf(again)).toBe(0);
    expect(formatReport(again)).toContain(
      `hole      ${name(5)} to ${name(7)}: 3 segments missing, accepted by anna@arch2 on 2023-11-14: disk lost\n`,
    );
    // What one host was told, the other one says, too.
    expect(await new AcceptedHoles(hosts.arch1.directory).list()).toHaveLength(2);
    expect(readFileSync(hosts.arch1.directory.eventsFile, 'utf8')).toContain('"hole-accepted"');
  });

  test('on the way to a later timeline are listed, from its history file on either host', async () => {
    const hosts = await hostsWith([1, 2], [1, 2]);
    await store(hosts.arch2.store, plain('00000002.history', '1\t0/512345\tx\n'));
    await store(hosts.arch2.store, await segment(nameOf(5, 2)));
    for (const dryRun of [true, false]) {
      const report = await hosts.sync(hosts.arch1, { dryRun });
      expect(report.holes.map(({ from, to }) => [from, to])).toEqual([[name(3), name(4)]]);
    }
  });
});

test('two runs from both ends at once make the hosts equal', async () => {
  const hosts = await hostsWith([1, 2, 5, 6, 9], [3, 4, 7, 8, 9]);
  truncateSync(path(hosts.arch1, 9), 5000);
  const reports = await Promise.all(hosts.both.map((host) => hosts.sync(host)));
  for (const report of reports) expect(report).toMatchObject({ damaged: [], conflicts: [], failed: [] });
  expect(digests(hosts.arch1)).toEqual(digests(hosts.arch2));
  expect(names(hosts.arch1)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].map(name));
});

test('the report for programs is one line of JSON with all that the documentation names', async () => {
  const hosts = await hostsWith([1, 3], [1]);
  const text = formatReportJson(await hosts.sync());
  expect(text.trim()).not.toContain('\n');
  const hole = { timeline: 1, from: name(2), to: name(2), segments: 1, accepted: null };
  expect(JSON.parse(text)).toEqual({
    format: 1,
    peer: 'arch2',
    dryRun: false,
    equal: true,
    filesHere: 2,
    filesThere: 1,
    fetched: { files: 0, bytes: 0 },
    sent: { files: 1, bytes: expect.any(Number) },
    compared: 0,
    repairedHere: [],
    repairedThere: [],
    damaged: [],
    conflicts: [],
    holes: [hole],
    failed: [],
    debtsSettled: 0,
    debtsLeft: 0,
    seconds: 0,
  });
});
