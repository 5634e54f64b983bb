import { randomBytes } from 'node:crypto';
import { chownSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createClusterRecord } from '../../../packages/core/src/archive/identity.ts';
import type { ArchivePlace } from '../../../packages/core/src/backups/archive-place.ts';
import { askPlaces } from '../../../packages/core/src/backups/ask-places.ts';
import { LocalPlace } from '../../../packages/core/src/backups/local-place.ts';
import { Pins } from '../../../packages/core/src/backups/pins.ts';
import { RemotePlace } from '../../../packages/core/src/backups/remote-place.ts';
import { systemClock } from '../../../packages/core/src/base/clock.ts';
import { Failure } from '../../../packages/core/src/base/failure.ts';
import type { ArchiveSession } from '../../../packages/core/src/hosts/archive-session.ts';
import type { TimelineId } from '../../../packages/core/src/wal/timeline-id.ts';
import { clusterDirectory } from '../archive/test-store.ts';
import { mib } from '../archive/wal-segment.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { connect, TestHost } from '../session/test-host.ts';
import { identity, lsnIn, makeBackup, makeOwnBackup, makeWal, segments } from './backup-files.ts';

const name = 'data.master.7';
/** More than one piece, whatever size these have. */
const tar = randomBytes(5 * mib + 123);

interface Placed {
  place: ArchivePlace;
  host: TestHost;
  sessions: ArchiveSession[];
}

async function hostWithBackup(): Promise<TestHost> {
  const directory = clusterDirectory();
  await createClusterRecord(directory, 'main', identity, Date.now());
  makeWal(directory, segments(1, 9));
  const path = makeOwnBackup(directory, name, 5);
  makeBackup(directory, name, { small: 'x', 'global/pg_control': 'control' });
  writeFileSync(join(path, 'base.tar'), tar);
  return await TestHost.open({ rights: ['get'], directory });
}

const options = { cluster: 'main', program: '1.0-test', clock: systemClock };

async function local(): Promise<Placed> {
  const host = await hostWithBackup();
  return { place: new LocalPlace(host.directory, options), host, sessions: [] };
}

async function remote(): Promise<Placed> {
  const host = await hostWithBackup();
  return { ...remoteTo(host), host };
}

function remoteTo(host: TestHost): { place: RemotePlace; sessions: ArchiveSession[] } {
  const sessions: ArchiveSession[] = [];
  const place = new RemotePlace('arch1', async () => {
    const { session } = await connect(host);
    sessions.push(session);
    return session;
  });
  return { place, sessions };
}

async function readAll(place: ArchivePlace, file: string, backup = name, signal = new AbortController().signal) {
  const pieces: Buffer[] = [];
  // Each is good until the next is asked for.
  for await (const piece of place.backup(backup).read(file, signal)) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

describe.each([
  ['of this machine', local],
  ['behind sessions', remote],
] as const)('an archive %s', (_what, open) => {
  test('says what it holds', async () => {
    const { place } = await open();
    const { backups, wal, cluster } = await place.survey();
    expect([cluster, backups.length, wal.length]).toEqual(['main', 1, 1]);
  });

  test('gives the files of a backup, several at the same time', async () => {
    const { place } = await open();
    const files = await Promise.all(
      ['base.tar', 'small', 'global/pg_control', 'base.tar'].map((it) => readAll(place, it)),
    );
    expect(files.map((content) => content.equals(tar))).toEqual([true, false, false, true]);
    expect(files.slice(1, 3).map(String)).toEqual(['x', 'control']);
  });

  test('has no file that is not there, and none of a backup that is not complete', async () => {
    const { place, host } = await open();
    makeBackup(host.directory, 'data.master.8', { 'base.tar': 'x' });
    await failureFrom('not_found', readAll(place, 'other.tar'));
    await failureFrom('not_found', readAll(place, 'base.tar', 'data.master.8'));
    await failureFrom('usage', readAll(place, '../cluster.json'));
  });

  test('does not read through a link', async () => {
    const { place, host } = await open();
    symlinkSync('/etc/passwd', join(host.directory.path, name, 'passwd'));
    await failureFrom('disk_error', readAll(place, 'passwd'));
  });

  test('ends a transfer when it is aborted, with the reason', async () => {
    const { place } = await open();
    const abort = new AbortController();
    const reading = place.backup(name).read('base.tar', abort.signal);
    let pieces = 0;
    const work = async () => {
      for await (const _ of reading) {
        pieces += 1;
        abort.abort(new Failure('interrupted', 'enough'));
      }
    };
    await failureFrom('interrupted', work());
    expect(pieces).toBe(1);
    await failureFrom('interrupted', readAll(place, 'small', name, abort.signal));
    expect((await readAll(place, 'small')).toString()).toBe('x');
  });

  test('goes on after a reader that left in the middle', async () => {
    const { place } = await open();
    for await (const _ of place.backup(name).read('base.tar', new AbortController().signal)) break;
    expect((await readAll(place, 'base.tar')).equals(tar)).toBe(true);
  });

  test('pins WAL, renews the pin and ends it', async () => {
    const { place, host } = await open();
    const id = 'p'.repeat(20);
    const pinned = async () => (await new Pins(host.directory).list()).map(({ holder, from }) => [holder, from.lsn]);
    const pin = { holder: 'restore of db2', from: { timeline: 1 as TimelineId, lsn: lsnIn(5) }, ttlMs: 60_000 };
    await place.pin(id, pin);
    await place.pin(id, { ...pin, from: { timeline: 1 as TimelineId, lsn: lsnIn(6) } });
    expect(await pinned()).toEqual([['restore of db2', lsnIn(6)]]);
    await place.unpin(id);
    await place.unpin(id);
    expect(await pinned()).toEqual([]);
  });
});

describe('an archive behind sessions', () => {
  test('has a session for each file that is read at the same time, and uses them again', async () => {
    const { place, sessions } = await remote();
    await place.survey();
    await Promise.all(['base.tar', 'base.tar', 'base.tar'].map((it) => readAll(place, it)));
    expect(sessions).toHaveLength(3);
    await Promise.all(['base.tar', 'small'].map((it) => readAll(place, it)));
    expect(sessions).toHaveLength(3);
  });

  test('ends the session of a reader that leaves: the rest of the file would still come', async () => {
    const { place, sessions } = await remote();
    for await (const _ of place.backup(name).read('base.tar', new AbortController().signal)) break;
    expect(sessions.map(({ isOpen }) => isOpen)).toEqual([false]);
  });

  test('opens another session when the one before has ended', async () => {
    const { place, sessions } = await remote();
    await place.survey();
    sessions[0]?.close();
    await place.survey();
    expect(sessions).toHaveLength(2);
  });

  test('is closed with all its sessions', async () => {
    const { place, sessions } = await remote();
    const reading = place.backup(name).read('base.tar', new AbortController().signal)[Symbol.asyncIterator]();
    await reading.next();
    await place.survey();
    await place.close();
    expect(sessions.map(({ isOpen }) => isOpen)).toEqual([false, false]);
    const rest = async () => {
      while (!(await reading.next()).done);
    };
    await failureFrom('host_unreachable', rest());
  });
});

describe('an archive of this machine', () => {
  test('gives what root makes in it to its owner', async () => {
    const { place, host } = await local();
    const { directory } = host;
    if (process.getuid?.() !== 0) return;
    chownSync(directory.path, 4711, 4712);
    await place.pin('p'.repeat(20), { holder: 'x', from: { timeline: 1 as TimelineId, lsn: lsnIn(5) }, ttlMs: 1000 });
    for (const path of [
      directory.stateDirectory,
      directory.pinsDirectory,
      join(directory.pinsDirectory, `${'p'.repeat(20)}.json`),
    ]) {
      expect(statSync(path), path).toMatchObject({ uid: 4711, gid: 4712 });
    }
  });

  test('says so when a file gets shorter while it is read', async () => {
    const { place, host } = await local();
    const path = join(host.directory.path, name, 'base.tar');
    writeFileSync(path, randomBytes(12 * mib));
    const shrink = async () => {
      for await (const _ of place.backup(name).read('base.tar', new AbortController().signal))
        truncateSync(path, 5 * mib);
    };
    await failureFrom('damaged', shrink());
  });
});

describe('asking all places', () => {
  const silent = (problem: Failure | undefined): ArchivePlace => ({
    name: 'arch2',
    isLocal: false,
    survey: () => (problem === undefined ? new Promise(() => undefined) : Promise.reject(problem)),
    events: async () => [],
    backup: () => {
      throw new Error('nobody asks for it');
    },
    pin: async () => undefined,
    unpin: async () => undefined,
    close: async () => undefined,
  });

  test('gives an answer for each, whether it says what it holds or not', async () => {
    const { place } = await remote();
    const problem = new Failure('host_unreachable', 'gone');
    const answers = await askPlaces([silent(problem), place], 5000);
    expect(answers).toMatchObject([{ problem: { code: 'host_unreachable' } }, { survey: { cluster: 'main' } }]);
  });

  test('does not wait for one that says nothing', async () => {
    const [answer] = await askPlaces([silent(undefined)], 20);
    expect(answer).toMatchObject({ problem: { code: 'host_stalled' } });
  });

  test('refuses one archive under two names', async () => {
    const { place, host } = await remote();
    await place.survey();
    expect(readFileSync(host.directory.storeIdFile, 'utf8')).toMatch(/-/);
    await failureFrom('usage', askPlaces([place, new LocalPlace(host.directory, options)], 5000));
  });

  test('refuses two clusters', async () => {
    const { place } = await remote();
    const strange = clusterDirectory();
    await createClusterRecord(strange, 'main', { ...identity, systemIdentifier: 4711n as never }, Date.now());
    await failureFrom('wrong_cluster', askPlaces([place, new LocalPlace(strange, options)], 5000));
  });
});
