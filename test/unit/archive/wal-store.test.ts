import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readClusterRecord } from '../../../packages/core/src/archive/identity.ts';
import { IncomingFile } from '../../../packages/core/src/archive/incoming-file.ts';
import type { WalStore } from '../../../packages/core/src/archive/wal-store.ts';
import { silentLog } from '../../../packages/core/src/base/log.ts';
import { parseArchiveFileName } from '../../../packages/core/src/wal/archive-file.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { clusterDirectory, openStore, store } from './test-store.ts';
import {
  encoded,
  fingerprintOf,
  mib,
  nameOf,
  ourSystem,
  plain,
  type StoredForm,
  segment,
  sha256,
  walSegment,
} from './wal-segment.ts';

const first = nameOf(1);
const history = '00000002.history';
const historyText = '1\t0/300000\tno recovery target specified\n';

function stored(into: WalStore, name: string): Buffer {
  return readFileSync(into.directory.walFile(name));
}

function entries(path: string): string[] {
  return readdirSync(path).sort();
}

/** What the archive holds that anybody may read, and what is left in it besides. */
function namesIn(into: WalStore): string[] {
  return entries(into.directory.walDirectory);
}

describe('a file that is new', () => {
  test('is stored byte for byte under its name, and nothing else is left', async () => {
    const archive = await openStore();
    const form = await segment(first);
    expect(await store(archive, form)).toBe('new');
    expect(stored(archive, first).equals(form.stored)).toBe(true);
    expect(namesIn(archive)).toEqual([first]);
    expect(statSync(archive.directory.walFile(first)).mode & 0o7777).toBe(0o600);
  });

  test.each([
    ['a history file', plain(history, historyText)],
    ['a backup history file', plain(`${first}.00000028.backup`, 'START WAL LOCATION: 0/100028\n')],
  ])('may be %s', async (_what, form) => {
    const archive = await openStore();
    expect(await store(archive, form)).toBe('new');
    expect(stored(archive, form.file.name).equals(form.stored)).toBe(true);
  });

  test('may be a partial segment, and is never taken for the whole one', async () => {
    const archive = await openStore();
    await store(archive, await segment(`${first}.partial`, { seed: 1 }));
    expect(await store(archive, await segment(first, { seed: 2 }))).toBe('new');
    expect(namesIn(archive)).toEqual([first, `${first}.partial`]);
  });

  test('may be a segment that is not compressed', async () => {
    const archive = await openStore();
    const raw = walSegment(first);
    expect(await store(archive, plain(first, raw))).toBe('new');
    expect(await archive.compareDigest(parseArchiveFileName(first), sha256(raw))).toBe('same');
  });

  test('arrives in whatever pieces', async () => {
    const form = await segment(first);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(1000, 4099, 65_536, 524_288, 5_000_000), async (pieceBytes) => {
        const archive = await openStore();
        expect(await store(archive, form, { pieceBytes })).toBe('new');
        expect(stored(archive, first).equals(form.stored)).toBe(true);
      }),
      { numRuns: 5 },
    );
  });

  test('keeps the modification time of its source', async () => {
    const archive = await openStore();
    await store(archive, await segment(first), { modifiedMs: 1_600_000_000_123 });
    expect(Math.trunc(statSync(archive.directory.walFile(first)).mtimeMs)).toBe(1_600_000_000_123);
  });

  test('that comes from the future is dated now', async () => {
    const nowMs = 1_700_000_000_000;
    const clock = { nowMs: () => nowMs, monotonicMs: () => 0, sleep: () => Promise.resolve() };
    const archive = await openStore(undefined, { clock });
    await store(archive, await segment(first), { modifiedMs: nowMs + 10 * 365 * 86_400_000 });
    expect(Math.trunc(statSync(archive.directory.walFile(first)).mtimeMs)).toBe(nowMs);
  });

  test('is named in LASTLOG if it is a segment', async () => {
    const archive = await openStore();
    await store(archive, await segment(first));
    await store(archive, plain(history, historyText));
    expect(readFileSync(archive.directory.lastLogFile, 'utf8')).toBe(`${first}\n`);
  });

  test('is stored also where LASTLOG cannot be written', async () => {
    const archive = await openStore();
    mkdirSync(archive.directory.lastLogFile);
    expect(await store(archive, await segment(first))).toBe('new');
  });
});

describe('a file that is there already', () => {
  test('is the same, however often it comes and however it is compressed', async () => {
    const archive = await openStore();
    const form = await segment(first);
    await store(archive, form);
    expect(await store(archive, form)).toBe('same');
    expect(await store(archive, plain(first, form.raw))).toBe('same');
    expect(stored(archive, first).equals(form.stored)).toBe(true);
    expect(namesIn(archive)).toEqual([first]);
    expect(entries(archive.directory.path)).not.toContain('quarantine');
  });

  test('is the same for one of two who store it at the same time', async () => {
    const archive = await openStore();
    const form = await segment(first);
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => store(archive, form)));
    expect(outcomes.filter((outcome) => outcome === 'new')).toHaveLength(1);
    expect(namesIn(archive)).toEqual([first]);
  });

  test('is told by its digest without a body', async () => {
    const archive = await openStore();
    const form = await segment(first);
    const file = parseArchiveFileName(first);
    expect(await archive.compareDigest(file, form.rawDigest)).toBe('absent');
    await store(archive, form);
    expect(await archive.compareDigest(file, form.rawDigest)).toBe('same');
    expect(await archive.compareDigest(file, sha256(Buffer.from('other')))).toBe('differs');
    writeFileSync(archive.directory.walFile(first), form.stored.subarray(0, -20));
    expect(await archive.compareDigest(file, form.rawDigest)).toBe('damaged');
  });
});

describe('other content under a stored name', () => {
  /** The segment with one byte changed. */
  async function changedAt(offset: number): Promise<StoredForm> {
    const raw = walSegment(first);
    raw.writeUInt8(raw.readUInt8(offset) ^ 1, offset);
    return await encoded(first, raw);
  }

  test('is refused, the stored file untouched byte for byte, the newcomer kept once in the quarantine', async () => {
    const archive = await openStore();
    const [form, newcomer] = [await segment(first, { seed: 1 }), await segment(first, { seed: 2 })];
    await store(archive, form);
    const before = statSync(archive.directory.walFile(first));
    for (let time = 0; time < 2; time++) {
      const failure = await failureFrom('conflict', store(archive, newcomer));
      expect(failure.details['digest']).toBe(newcomer.rawDigest);
      expect(failure.hint).toContain(`archive_remote_cmd conflict show ${first}`);
    }
    expect(stored(archive, first).equals(form.stored)).toBe(true);
    const after = statSync(archive.directory.walFile(first));
    expect([after.ino, after.mtimeMs]).toEqual([before.ino, before.mtimeMs]);
    expect(namesIn(archive)).toEqual([first]);
    expect(entries(archive.directory.quarantineDirectory)).toEqual([`${first}.${newcomer.rawDigest.slice(0, 16)}`]);
    const path = archive.quarantine.path(newcomer.file.name, newcomer.rawDigest);
    expect(readFileSync(path).equals(newcomer.stored)).toBe(true);
  });

  test.each([
    [100, 0],
    [8191, 0],
    [8192, 1],
    [500_000, 61],
    [mib - 1, 127],
  ])('that differs at byte %d is told to differ from page %d, and no closer', async (offset, page) => {
    const archive = await openStore();
    await store(archive, await segment(first));
    const failure = await failureFrom('conflict', store(archive, await changedAt(offset)));
    expect(failure.details['firstDifferingPage']).toBe(page);
    expect(Object.keys(failure.details).sort()).toEqual(['digest', 'firstDifferingPage']);
  });

  test('is refused also when it is a history file that is not a part of the newcomer', async () => {
    const archive = await openStore();
    await store(archive, plain(history, '1\t0/100000\tpromoted\n'));
    await failureFrom('conflict', store(archive, plain(history, historyText)));
    // Shorter than what is stored: the newcomer is the torn one.
    await failureFrom('conflict', store(archive, plain(history, '1\t0/1000')));
    expect(stored(archive, history).toString()).toBe('1\t0/100000\tpromoted\n');
  });

  test('of two that come at the same time leaves one stored and one refused', async () => {
    const archive = await openStore();
    const forms = [await segment(first, { seed: 1 }), await segment(first, { seed: 2 })];
    const results = await Promise.allSettled(forms.map((form) => store(archive, form)));
    const winner = results.findIndex(({ status }) => status === 'fulfilled');
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(stored(archive, first).equals(forms[winner]?.stored ?? Buffer.alloc(0))).toBe(true);
    expect(entries(archive.directory.quarantineDirectory)).toHaveLength(1);
  });

  test('is refused without being kept when the quarantine is full, and nothing in it is evicted', async () => {
    const archive = await openStore();
    await store(archive, await segment(first, { seed: 1 }));
    mkdirSync(archive.directory.quarantineDirectory);
    const kept = Array.from({ length: 64 }, (_, n) => `${nameOf(n + 10)}.0123456789abcdef`);
    for (const name of kept) writeFileSync(`${archive.directory.quarantineDirectory}/${name}`, '');
    await failureFrom('quarantine_full', store(archive, await segment(first, { seed: 2 })));
    expect(entries(archive.directory.quarantineDirectory)).toEqual(kept.sort());
    expect(namesIn(archive)).toEqual([first]);
  });
});

describe('a stored file that is damaged', () => {
  const damages: [string, (bytes: Buffer) => Buffer][] = [
    ['is empty', () => Buffer.alloc(0)],
    ['is cut', (bytes) => bytes.subarray(0, bytes.length / 2)],
    ['has a byte changed', (bytes) => Buffer.from(bytes.map((byte, at) => (at === 300_000 ? byte ^ 1 : byte)))],
    ['is a right-sized file of zeros cut short', () => Buffer.alloc(mib - 1)],
    ['has something after its end', (bytes) => Buffer.concat([bytes, Buffer.from('more')])],
  ];

  test.each(damages)('because it %s is replaced by a good one and kept in the quarantine', async (_what, damage) => {
    const archive = await openStore();
    const form = await segment(first);
    await store(archive, form);
    const damaged = damage(form.stored);
    writeFileSync(archive.directory.walFile(first), damaged);
    expect(await store(archive, form)).toBe('new');
    expect(stored(archive, first).equals(form.stored)).toBe(true);
    expect(namesIn(archive)).toEqual([first]);
    const [kept = '', ...more] = entries(archive.directory.quarantineDirectory);
    expect(more).toEqual([]);
    expect(kept.startsWith(`${first}.damaged-`)).toBe(true);
    expect(readFileSync(`${archive.directory.quarantineDirectory}/${kept}`).equals(damaged)).toBe(true);
  });

  test('is not replaced by another damaged one', async () => {
    const archive = await openStore();
    const form = await segment(first);
    await store(archive, form);
    const damaged = form.stored.subarray(0, 400_000);
    writeFileSync(archive.directory.walFile(first), damaged);
    const newcomer = form.stored.subarray(0, 500_000);
    const summary = { sizeBytes: newcomer.length, fingerprint: fingerprintOf(newcomer) };
    await failureFrom('damaged', store(archive, { ...form, stored: newcomer, summary }));
    expect(stored(archive, first).equals(damaged)).toBe(true);
    expect(namesIn(archive)).toEqual([first]);
  });

  test('is not replaced when the quarantine has no room for it', async () => {
    const archive = await openStore();
    const form = await segment(first);
    await store(archive, form);
    writeFileSync(archive.directory.walFile(first), 'damaged');
    mkdirSync(archive.directory.quarantineDirectory);
    for (let n = 0; n < 64; n++) writeFileSync(`${archive.directory.quarantineDirectory}/${n}`, '');
    await failureFrom('quarantine_full', store(archive, form));
    expect(stored(archive, first).toString()).toBe('damaged');
  });

  test.each(['', '1\t0/3000', historyText.slice(0, -1)])(
    'is also a history file torn to %j: it is replaced and kept in the quarantine',
    async (torn) => {
      const archive = await openStore();
      writeFileSync(archive.directory.walFile(history), torn);
      expect(await store(archive, plain(history, historyText))).toBe('new');
      expect(stored(archive, history).toString()).toBe(historyText);
      expect(entries(archive.directory.quarantineDirectory)).toHaveLength(1);
    },
  );
});

describe('the identity of the archive', () => {
  test('is made by the first segment, and not by other files', async () => {
    const archive = await openStore();
    await store(archive, plain(history, historyText));
    expect(await readClusterRecord(archive.directory)).toBeUndefined();
    await store(archive, await segment(first));
    const record = await readClusterRecord(archive.directory);
    expect(record).toMatchObject({ cluster: 'main', systemIdentifier: ourSystem, segmentSize: mib, postgresMajor: 15 });
    expect(archive.identity).toEqual(record);
    expect(statSync(archive.directory.identityFile).mode & 0o7777).toBe(0o600);
  });

  test('is one, whoever stores the first segments at the same time', async () => {
    const directory = clusterDirectory();
    const archives = await Promise.all(Array.from({ length: 4 }, () => openStore(directory)));
    await Promise.all(archives.map(async (archive, n) => store(archive, await segment(nameOf(n + 1)))));
    expect(new Set(archives.map((archive) => archive.identity?.systemIdentifier)).size).toBe(1);
    const ids = await Promise.all(archives.map((archive) => archive.storeId()));
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('is that of one of two clusters which come at the same time, and the other is refused', async () => {
    const directory = clusterDirectory();
    const archives = await Promise.all([openStore(directory), openStore(directory)]);
    const results = await Promise.allSettled(
      archives.map(async (archive, n) => {
        return store(archive, await segment(nameOf(n + 1), { systemIdentifier: ourSystem + BigInt(n) }));
      }),
    );
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused.map(({ reason }) => (reason as { code: string }).code)).toEqual(['wrong_cluster']);
    expect(entries(directory.walDirectory)).toHaveLength(1);
  });

  test.each([
    ['system identifier', { systemIdentifier: ourSystem + 1n }],
    ['segment size', { segmentSize: 2 * mib }],
  ])('refuses a segment with another %s, and leaves nothing of it', async (_what, fields) => {
    const archive = await openStore();
    await store(archive, await segment(first));
    const other = await encoded(nameOf(2), walSegment(nameOf(2), { pageAddress: 0x20_0000n, ...fields }));
    await failureFrom('wrong_cluster', store(archive, other));
    expect(namesIn(archive)).toEqual([first]);
  });

  test('refuses another cluster after its first page, long before the body ends', async () => {
    const archive = await openStore();
    await store(archive, await segment(first));
    const other = await segment(nameOf(2), { systemIdentifier: 1n });
    const incoming = await IncomingFile.begin(archive, other.file, 0);
    let sentBytes = 0;
    const send = async (): Promise<void> => {
      for (; sentBytes < other.stored.length; sentBytes += 10_000) {
        await incoming.append(other.stored.subarray(sentBytes, sentBytes + 10_000));
      }
    };
    await failureFrom('wrong_cluster', send());
    expect(sentBytes).toBeLessThan(300_000);
    await incoming.discard();
    expect(namesIn(archive)).toEqual([first]);
  });

  test('is asked before the body is sent, where the sender knows its own', async () => {
    const archive = await openStore();
    archive.checkSystemIdentifier('1', 'the sender');
    await store(archive, await segment(first));
    archive.checkSystemIdentifier(undefined, 'the sender');
    archive.checkSystemIdentifier(String(ourSystem), 'the sender');
    await failureFrom('wrong_cluster', () => archive.checkSystemIdentifier('1', 'the sender'));
    await failureFrom('wrong_cluster', () => archive.checkSystemIdentifier(`0${ourSystem}`, 'the sender'));
  });

  test('that cannot be read is damage, and nothing is opened', async () => {
    const directory = clusterDirectory();
    for (const text of ['', '{', '{}', 'null', '{"format":2}', '{"format":1,"cluster":"main","storeId":"x"}']) {
      writeFileSync(directory.identityFile, text);
      await failureFrom('damaged', openStore(directory));
    }
  });

  test('of a cluster with another name is refused', async () => {
    const directory = clusterDirectory();
    await store(await openStore(directory), await segment(first));
    await failureFrom('wrong_cluster', openStore(directory, { cluster: 'other' }));
  });
});

describe('a segment whose page header does not fit its name', () => {
  test.each([
    ['has another address', { pageAddress: 0x20_0000n }],
    ['is of a later timeline', { timeline: 2 }],
    ['is of no timeline', { timeline: 0 }],
  ])('because it %s is refused', async (_what, fields) => {
    const archive = await openStore();
    await failureFrom('bad_page_header', store(archive, await segment(first, fields)));
    expect(namesIn(archive)).toEqual([]);
    expect(await readClusterRecord(archive.directory)).toBeUndefined();
  });

  test.each([
    ['zeros', Buffer.alloc(mib)],
    ['no WAL', Buffer.alloc(mib, 'x')],
  ])('because it holds %s is refused', async (_what, raw) => {
    const archive = await openStore();
    await failureFrom('bad_page_header', store(archive, await encoded(first, raw)));
    expect(namesIn(archive)).toEqual([]);
  });

  test('but carries the timeline of its parent is taken: it is the first after a promotion', async () => {
    const archive = await openStore();
    expect(await store(archive, await segment(nameOf(1, 3), { timeline: 2 }))).toBe('new');
  });
});

describe('a body', () => {
  async function refusedBody(form: StoredForm, code: Parameters<typeof failureFrom>[0]): Promise<void> {
    const archive = await openStore();
    await failureFrom(code, store(archive, form));
    expect(namesIn(archive)).toEqual([]);
    expect(entries(archive.directory.path)).toEqual(['logs.complete']);
  }

  test('with another digest than announced leaves nothing', async () => {
    const form = await segment(first);
    const summary = { ...form.summary, fingerprint: fingerprintOf(Buffer.from('other')) };
    await refusedBody({ ...form, summary }, 'damaged');
  });

  test('of another size than announced leaves nothing', async () => {
    const form = await segment(first);
    await refusedBody({ ...form, summary: { ...form.summary, sizeBytes: form.summary.sizeBytes + 1 } }, 'damaged');
    await refusedBody({ ...form, stored: form.stored.subarray(0, -1) }, 'damaged');
  });

  test('that is empty leaves nothing', async () => {
    await refusedBody(plain(history, ''), 'damaged');
    await refusedBody(plain(first, ''), 'bad_page_header');
  });

  test('that ends within the first page leaves nothing', async () => {
    await refusedBody(plain(first, walSegment(first).subarray(0, 39)), 'bad_page_header');
  });

  test('larger than its kind of file can be is given up while it comes', async () => {
    const archive = await openStore();
    const incoming = await IncomingFile.begin(archive, parseArchiveFileName(history), 0);
    const piece = Buffer.alloc(512 * 1024, 'x');
    const endless = async (): Promise<void> => {
      for (let count = 0; count < 20; count++) await incoming.append(piece);
    };
    await failureFrom('damaged', endless());
    expect(incoming.part.sizeBytes).toBeLessThanOrEqual(2 * mib);
    await incoming.discard();
    expect(namesIn(archive)).toEqual([]);
  });

  test('that goes on after its end changes nothing', async () => {
    const archive = await openStore();
    const form = await segment(first);
    const incoming = await IncomingFile.begin(archive, form.file, 0);
    await incoming.append(form.stored);
    incoming.complete(form.summary);
    await incoming.makeDurable();
    await incoming.publish();
    await expect(incoming.append(Buffer.from('more'))).rejects.toThrow();
    await incoming.discard();
    expect(stored(archive, first).equals(form.stored)).toBe(true);
  });

  test('is not published before it was found whole', async () => {
    const archive = await openStore();
    const form = await segment(first);
    const incoming = await IncomingFile.begin(archive, form.file, 0);
    await incoming.append(form.stored);
    await expect(incoming.publish()).rejects.toThrow(/before complete/);
    await incoming.discard();
    expect(namesIn(archive)).toEqual([]);
  });
});

describe('a name too far ahead', () => {
  test('of the newest segment of its timeline is refused, before anything is written', async () => {
    const archive = await openStore(undefined, { maxAhead: 10 });
    await store(archive, await segment(nameOf(100)));
    await store(archive, await segment(nameOf(110)));
    await store(archive, await segment(nameOf(120)));
    const failure = await failureFrom('too_far_ahead', store(archive, await segment(nameOf(131))));
    expect(failure.details['ahead']).toBe(11);
    await failureFrom('too_far_ahead', store(archive, await segment(`${nameOf(131)}.partial`)));
    expect(namesIn(archive)).toEqual([nameOf(100), nameOf(110), nameOf(120)]);
  });

  test('is measured against what another process stored before, too', async () => {
    const directory = clusterDirectory();
    await store(await openStore(directory), await segment(nameOf(100)));
    const archive = await openStore(directory, { maxAhead: 10 });
    await failureFrom('too_far_ahead', store(archive, await segment(nameOf(111))));
    expect(await store(archive, await segment(nameOf(110)))).toBe('new');
  });

  test('is measured on a new timeline against the newest of all', async () => {
    const archive = await openStore(undefined, { maxAhead: 10 });
    await store(archive, await segment(nameOf(100)));
    expect(await store(archive, await segment(nameOf(105, 2)))).toBe('new');
    await failureFrom('too_far_ahead', store(archive, await segment(nameOf(120, 3))));
  });

  test('is none in an empty archive, for an older segment, or for a history file', async () => {
    const archive = await openStore(undefined, { maxAhead: 10 });
    expect(await store(archive, await segment(nameOf(5000)))).toBe('new');
    expect(await store(archive, await segment(nameOf(1)))).toBe('new');
    expect(await store(archive, plain('0000FFFF.history', historyText))).toBe('new');
  });
});

describe('something else at the place of a file', () => {
  const obstacles: [string, (path: string) => void][] = [
    ['a link to a file', (path) => symlinkSync('/etc/passwd', path)],
    ['a link to nowhere', (path) => symlinkSync('/nonexistent', path)],
    ['a directory', (path) => mkdirSync(path)],
    ['a fifo', (path) => execFileSync('mkfifo', [path])],
  ];

  test.each(obstacles)('%s is neither followed nor replaced nor waited for', async (_what, make) => {
    const archive = await openStore();
    const form = await segment(first);
    const path = archive.directory.walFile(first);
    make(path);
    const before = execFileSync('stat', ['--format=%F %i %N', path], { encoding: 'utf8' });
    await failureFrom('disk_error', store(archive, form));
    await failureFrom('disk_error', archive.compareDigest(form.file, form.rawDigest));
    await failureFrom('disk_error', archive.openStored(form.file.name));
    expect(execFileSync('stat', ['--format=%F %i %N', path], { encoding: 'utf8' })).toBe(before);
    expect(namesIn(archive)).toEqual([first]);
  });
});

describe('an archive whose WAL directory is gone', () => {
  test('is not initialized, and is not made', async () => {
    const directory = clusterDirectory();
    rmSync(directory.walDirectory, { recursive: true });
    await failureFrom('not_initialized', openStore(directory));
    writeFileSync(directory.walDirectory, '');
    await failureFrom('not_initialized', openStore(directory));
    expect(entries(directory.path)).toEqual(['logs.complete']);
  });

  test('while it is open takes nothing more, and makes no other', async () => {
    const archive = await openStore();
    await store(archive, await segment(first));
    renameSync(archive.directory.walDirectory, `${archive.directory.path}/elsewhere`);
    await expect(store(archive, await segment(nameOf(2)))).rejects.toMatchObject({ code: 'not_initialized' });
    expect(entries(archive.directory.path)).not.toContain('logs.complete');
  });
});

describe('that it lacks a file may be said', () => {
  test('by an archive that knows whose it is and can be listed, with the names that it has', async () => {
    const archive = await openStore();
    await store(archive, await segment(first));
    await store(archive, plain(history, historyText));
    writeFileSync(archive.directory.walFile(`.${nameOf(2)}.0123456789abcdef.part`), '');
    writeFileSync(archive.directory.walFile('notes.txt'), '');
    expect((await archive.namesIfMaySayNo()).sort()).toEqual([first, history].sort());
  });

  test('not by one that has no identity, or has lost it', async () => {
    const archive = await openStore();
    await failureFrom('not_initialized', archive.namesIfMaySayNo());
    await store(archive, await segment(first));
    rmSync(archive.directory.identityFile);
    await failureFrom('not_initialized', archive.namesIfMaySayNo());
  });

  test('not by one whose disk is no longer mounted', async () => {
    const archive = await openStore();
    await store(archive, await segment(first));
    rmSync(archive.directory.walDirectory, { recursive: true });
    await failureFrom('not_initialized', archive.namesIfMaySayNo());
  });
});

test('every piece that is read is noted as activity', async () => {
  const archive = await openStore();
  const form = await segment(first);
  await store(archive, form);
  const before = archive.options.activity.count;
  await archive.compareDigest(form.file, form.rawDigest);
  expect(archive.options.activity.count).toBeGreaterThan(before + 1);
});

test('a stored file tells its size and time, and is read in pieces of at most 512 KiB', async () => {
  const archive = await openStore(undefined, { log: silentLog });
  const form = await segment(first);
  await store(archive, form);
  utimesSync(archive.directory.walFile(first), 5, 1_500_000_000.5);
  const file = await archive.openStored(form.file.name);
  const pieces: Buffer[] = [];
  for await (const piece of file?.chunks() ?? []) pieces.push(piece);
  await file?.close();
  expect([file?.sizeBytes, file?.modifiedMs]).toEqual([form.stored.length, 1_500_000_000_500]);
  expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(512 * 1024);
  expect(Buffer.concat(pieces).equals(form.stored)).toBe(true);
});
