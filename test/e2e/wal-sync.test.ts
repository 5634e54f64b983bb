import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ArchiveHost } from '../support/archive-host.ts';
import { ArchiveStand } from '../support/archive-stand.ts';
import { DataDirectory } from '../support/data-directory.ts';
import { startPgbench } from '../support/load.ts';
import { PostgresCluster } from '../support/postgres-cluster.ts';
import type { ProgramResult } from '../support/program.ts';
import { BIN_DIRECTORY } from '../support/repository.ts';
import { RestoringDirectory } from '../support/restoring-directory.ts';
import { waitFor } from '../support/wait-for.ts';

const REMOTE = `${BIN_DIRECTORY}/archive_remote_cmd`;

let stand: ArchiveStand;

beforeAll(async () => {
  stand = await ArchiveStand.create();
});

afterAll(async () => {
  await stand?.close();
});

const directory = () => stand.walDirectory.replace(/\/logs\.complete$/, '');

async function sync(host: ArchiveHost, ...flags: string[]): Promise<ProgramResult> {
  const peer = host === stand.arch1 ? 'arch2' : 'arch1';
  return await host.machine.run([
    `${BIN_DIRECTORY}/wal-sync`,
    stand.walDirectory,
    peer,
    '--remote-cmd',
    REMOTE,
    ...flags,
  ]);
}

function holes(host: ArchiveHost, ...words: string[]): Promise<ProgramResult> {
  return host.machine.run([`${BIN_DIRECTORY}/wal-sync`, 'holes', ...words, '--cluster-dir', directory()]);
}

const names = (host: ArchiveHost) => host.files(stand.walDirectory);

describe('a hole that both hosts have', () => {
  test('is listed by every run, stops a recovery, and is accepted by a person on one of them', async () => {
    const data = new DataDirectory(stand, 'source');
    const segments = Array.from({ length: 8 }, (_, index) => data.segment(10 + index, { timeline: 7 }));
    for (const { name } of segments) expect((await data.archive(name)).status).toBe(0);
    await stand.waitForNoDebts();
    const lost = segments.slice(3, 5).map(({ name }) => name);
    for (const host of stand.hosts) {
      for (const name of lost) rmSync(host.machine.path(`${stand.walDirectory}/${name}`));
    }
    const [from = '', to = ''] = lost;
    const found = await sync(stand.arch1);
    expect(found).toMatchObject({ status: 45 });
    expect(found.stdout).toContain(`hole      ${from} to ${to}: 2 segments missing\nequal with arch2: `);
    expect(await holes(stand.arch2)).toMatchObject({
      status: 45,
      stdout: `hole      ${from} to ${to}: 2 segments missing\n`,
    });

    const restorer = await stand.stand.machine('restorer');
    await stand.admit(restorer, 'get');
    const restoring = new RestoringDirectory(stand, restorer, 'recovery', 'recovery', data.systemIdentifier);
    const flags = ['--no-agent', '--unavailable-timeout=0'];
    expect(await restoring.restore(from, { flags })).toMatchObject({ status: 126 });

    // Nobody accepts what is not missing, or without a reason.
    expect(await holes(stand.arch1, 'ack', from, segments[6]?.name ?? '', '--why', 'x')).toMatchObject({ status: 2 });
    expect(await holes(stand.arch1, 'ack', from, to)).toMatchObject({ status: 2 });
    expect(await holes(stand.arch1, 'ack', from, to, '--why', 'lost with db1')).toMatchObject({ status: 0 });
    // The other host hears of it with its own next run.
    for (const host of stand.hosts) {
      const accepted = await sync(host, '--json');
      expect(accepted.status).toBe(0);
      expect(JSON.parse(accepted.stdout).holes).toMatchObject([
        { from, to, segments: 2, accepted: { who: expect.stringMatching(/^postgres@/), why: 'lost with db1' } },
      ]);
      expect(await holes(host)).toMatchObject({ status: 0 });
    }
    const answer = await restoring.restore(from, { flags });
    expect(answer).toMatchObject({ status: 1, digest: undefined });
    expect(answer.stderr).toContain('lost with db1');
    expect(await restoring.restore(segments[5]?.name ?? '', { flags })).toMatchObject({ status: 0 });
  });
});

describe('beside a server under load', () => {
  let cluster: PostgresCluster;

  beforeAll(async () => {
    await stand.initCluster('load');
    await stand.addCluster('load');
    cluster = await PostgresCluster.init(stand.primary, { walSegmentSizeMb: 1 });
  });

  test('syncs on both hosts, and files deleted by hand under them, leave two equal archives and no failed call', async () => {
    const walDirectory = '/archive/load/logs.complete';
    const command = [`${BIN_DIRECTORY}/archive_cmd`, '"arch1-load arch2-load"', walDirectory, '%p', '%f', 'load'];
    cluster.configure({ archive_command: command.join(' '), wal_keep_size: '1GB' });
    await cluster.start();
    const load = await startPgbench(cluster, { clients: 2 });
    const at = (host: ArchiveHost) => host.machine.path(walDirectory);
    const archived = (host: ArchiveHost) => readdirSync(at(host)).filter((name) => /^[0-9A-F]{24}$/.test(name));
    await waitFor(() => stand.hosts.every((host) => archived(host).length > 3), {
      what: 'WAL to be archived',
      timeoutMs: 60_000,
    });
    const work = { isOver: false };
    const statuses: (number | null)[] = [];
    const syncing = stand.hosts.map(async (host) => {
      const peer = host === stand.arch1 ? 'arch2-load' : 'arch1-load';
      const words = [`${BIN_DIRECTORY}/wal-sync`, walDirectory, peer, '--remote-cmd', REMOTE, '--checksum'];
      while (!work.isOver) statuses.push((await host.machine.run(words)).status);
    });
    const begun = archived(stand.arch1).length;
    // What was archived long ago goes missing, on one host and then on the other.
    for (const host of stand.hosts) rmSync(`${at(host)}/${archived(host).toSorted()[host === stand.arch1 ? 0 : 1]}`);
    await waitFor(() => archived(stand.arch1).length > begun + 12 && statuses.length >= 4, {
      what: 'more WAL to be archived',
      timeoutMs: 90_000,
    });
    await load.stop();
    work.isOver = true;
    await Promise.all(syncing);
    const last = await cluster.switchWal();
    await cluster.waitForArchived(last);
    const isEqual = () => archived(stand.arch1).toSorted().join() === archived(stand.arch2).toSorted().join();
    await waitFor(isEqual, { what: 'both hosts to have the same files', timeoutMs: 30_000 });
    expect(new Set(statuses)).toEqual(new Set([0]));
    expect((await cluster.archiverStats()).failedCount).toBe(0);
    for (const name of archived(stand.arch1)) {
      expect(stand.content(stand.arch1, name, 'load')?.equals(stand.content(stand.arch2, name, 'load') as Buffer)).toBe(
        true,
      );
    }
  });

  test('a content that the next segment does not go on from is told from the one that it does', async () => {
    const walDirectory = '/archive/load/logs.complete';
    await cluster.sql('CREATE TABLE IF NOT EXISTS filler (text text)');
    const current = () => cluster.value('SELECT pg_walfile_name(pg_current_wal_lsn())');
    const fillUp = async (segment: string): Promise<string> => {
      while ((await current()) <= segment) {
        await cluster.sql("INSERT INTO filler SELECT repeat('x', 500) FROM generate_series(1, 300)");
      }
      return await current();
    };
    const name = await fillUp(await current());
    await fillUp(name);
    await cluster.waitForArchived(await cluster.switchWal());
    // The same segment of a server that stopped writing in the middle of it and went another way.
    const rival = new DataDirectory(stand, 'rival');
    const path = cluster.machine.path(`${cluster.dataDirectory}/pg_wal/${name}`);
    const content = readFileSync(path);
    content.fill(0, 3 * 8192);
    rival.file(name, content);
    const call = { hosts: 'arch1-load arch2-load', walDirectory, cluster: 'load', flags: ['--no-agent'] };
    expect(await rival.archive(name, call)).toMatchObject({ status: 15 });
    const where = ['--dir', '/archive/load', '--cluster', 'load'];
    const shown = await stand.arch1.machine.check([REMOTE, 'conflict', 'show', name, ...where]);
    const lines = shown.split('\n');
    expect(lines[2]).toMatch(/begins on timeline 1, [0-9A-F]{24} goes on from it$/);
    expect(lines[4]).toMatch(/begins on timeline 1, [0-9A-F]{24} does not go on from it$/);
    expect(shown).toContain('differs from the stored one from page 3 (LSN ');
    await stand.arch1.machine.check([REMOTE, 'conflict', 'keep-stored', name, ...where]);
  });
});

test('wal-sync says what is wrong with a call', async () => {
  const { machine } = stand.arch1;
  const program = `${BIN_DIRECTORY}/wal-sync`;
  const remote = ['--remote-cmd', REMOTE];
  const calls: [words: string[], status: number, message: string][] = [
    [[], 2, 'expected WALS-DIR PEER-HOST'],
    [['/archive/main', 'arch2'], 2, 'is not <cluster directory>/logs.complete'],
    [[stand.walDirectory, 'arch2', '--scrub-days=soon'], 2, 'is not a number of days'],
    [['/archive/none/logs.complete', 'arch2', ...remote], 30, 'there is no WAL directory'],
    [[stand.walDirectory, 'nowhere.invalid', ...remote], 20, 'nowhere.invalid'],
    [['holes', 'list'], 2, '--cluster-dir is missing'],
    [['holes', 'list', '--cluster-dir', '/archive/none'], 30, 'cluster.json'],
  ];
  for (const [words, status, message] of calls) {
    const result = await machine.run([program, ...words]);
    expect([words, result.status]).toEqual([words, status]);
    expect(result.stderr).toContain(message);
  }
  // Its own key leads to itself.
  expect(names(stand.arch1)).toEqual(names(stand.arch2));
});
