import { appendFileSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ArchiveStand, sha256, walDirectoryOf } from '../support/archive-stand.ts';
import { DataDirectory } from '../support/data-directory.ts';
import { forgetHostKeys, sshDirectory, trust } from '../support/keys.ts';
import type { Machine } from '../support/machine.ts';
import { PostgresCluster } from '../support/postgres-cluster.ts';
import { waitFor } from '../support/wait-for.ts';
import { segmentHeader, segmentName } from '../support/wal-file.ts';

const walNames = /^[0-9A-F]{24}$|^[0-9A-F]{8}\.history$|\.(partial|backup)$/;

/** The names of PostgreSQL's own pg_wal that it says are archived. */
function archivedNames(cluster: PostgresCluster): string[] {
  const status = cluster.machine.path(`${cluster.dataDirectory}/pg_wal/archive_status`);
  return readdirSync(status)
    .filter((name) => name.endsWith('.done'))
    .map((name) => name.slice(0, -'.done'.length));
}

function ownDigest(cluster: PostgresCluster, name: string): string {
  return sha256(readFileSync(cluster.machine.path(`${cluster.dataDirectory}/pg_wal/${name}`)));
}

describe('PostgreSQL archives through the agent', () => {
  let stand: ArchiveStand;
  let standbyMachine: Machine;
  let primary: PostgresCluster;

  beforeAll(async () => {
    stand = await ArchiveStand.create();
    standbyMachine = await stand.stand.machine('standby');
    await stand.admit(standbyMachine, 'put,get');
    primary = await PostgresCluster.init(stand.primary);
    await stand.startArchiving(primary);
  });

  afterAll(async () => {
    await stand?.close();
  });

  test('every segment is on both hosts with the bytes that PostgreSQL wrote', async () => {
    await primary.sql('CREATE TABLE filler AS SELECT generate_series(1, 60000) AS number');
    const last = await primary.switchWal();
    await primary.waitForArchived(last);
    const names = archivedNames(primary);
    expect(names.length).toBeGreaterThan(4);
    for (const name of names) {
      const own = ownDigest(primary, name);
      expect({ name, digests: stand.digests(name) }).toEqual({ name, digests: [own, own] });
    }
    expect((await primary.archiverStats()).failedCount).toBe(0);
    expect([stand.debts(stand.arch1), stand.debts(stand.arch2)]).toEqual([[], []]);
  });

  test('a stored segment keeps the modification time that PostgreSQL gave it', async () => {
    const [name = ''] = archivedNames(primary).filter((name) => /^[0-9A-F]{24}$/.test(name));
    const seconds = (path: string) => Math.trunc(statSync(path).mtimeMs / 1000);
    const own = seconds(stand.primary.path(`${primary.dataDirectory}/pg_wal/${name}`));
    for (const { machine } of stand.hosts) expect(seconds(machine.path(`${stand.walDirectory}/${name}`))).toBe(own);
  });

  test('the .backup file of a base backup arrives as it is', async () => {
    // Without WAL in the backup, pg_basebackup waits until everything is archived, the label included.
    await primary.backup(`${primary.dataDirectory}.nowal`, { wal: 'none' });
    const label = archivedNames(primary).find((name) => name.endsWith('.backup')) ?? '';
    expect(label).toMatch(/^[0-9A-F]{24}\.[0-9A-F]{8}\.backup$/);
    const own = ownDigest(primary, label);
    expect(stand.digests(label)).toEqual([own, own]);
    expect(stand.content(stand.arch1, label)?.toString()).toContain('START WAL LOCATION');
  });

  test('a promoted standby archives its .history, the .partial and a first segment of the new timeline', async () => {
    const backup = await primary.backup();
    const standby = await PostgresCluster.fromBackup(standbyMachine, backup, {
      standby: true,
      restoreCommand: '',
      primaryConninfo: primary.connectionString(),
      settings: { archive_mode: true, archive_command: stand.archiveCommand(), wal_keep_size: '1GB' },
    });
    await standby.start();
    await primary.sql('CREATE TABLE streamed AS SELECT 1');
    const lsn = await primary.currentLsn();
    await standby.pollUntil(`SELECT pg_last_wal_replay_lsn() >= '${lsn}'`, 't');
    await standby.promote();
    await standby.sql('CREATE TABLE promoted AS SELECT generate_series(1, 10000)');
    const first = await standby.switchWal();
    await standby.waitForArchived(first);
    expect(first.slice(0, 8)).toBe('00000002');

    const archived = archivedNames(standby);
    const partial = archived.find((name) => name.endsWith('.partial')) ?? '';
    for (const name of ['00000002.history', partial, first]) {
      const own = ownDigest(standby, name);
      expect({ name, digests: stand.digests(name) }).toEqual({ name, digests: [own, own] });
    }
    // The segment in which the timelines part begins with a page of the parent.
    const parting = archived.filter((name) => name.startsWith('00000002') && name.length === 24).toSorted()[0] ?? '';
    expect(stand.content(stand.arch1, parting)?.readUInt32LE(4)).toBe(1);
    expect(partial).toBe(`00000001${parting.slice(8)}.partial`);
    expect((await standby.archiverStats()).failedCount).toBe(0);
    await standby.stop();
  });

  test('another cluster under the same name is refused, and nothing of the first is touched', async () => {
    const before = stand.hosts.map((host) =>
      host.files(stand.walDirectory).map((name) => host.sha256(`${stand.walDirectory}/${name}`)),
    );
    const second = await PostgresCluster.init(stand.primary, { name: 'second' });
    await stand.startArchiving(second);
    await second.switchWal();
    await second.pollUntil('SELECT failed_count > 0 FROM pg_stat_archiver', 't');
    await waitFor(() => second.log().includes('wrong_cluster'), { what: 'the reason in the log of PostgreSQL' });
    expect((await second.archiverStats()).archivedCount).toBe(0);
    await second.stop('immediate');
    const after = stand.hosts.map((host) =>
      host.files(stand.walDirectory).map((name) => host.sha256(`${stand.walDirectory}/${name}`)),
    );
    expect(after).toEqual(before);
    expect(stand.hosts.map((host) => stand.quarantine(host))).toEqual([[], []]);
  });

  test('two clusters on one server have an agent each and never meet', async () => {
    await stand.addCluster('other');
    const other = await PostgresCluster.init(stand.primary, { name: 'other' });
    const command = stand.archiveCommand().replace('"arch1 arch2"', '"arch1-other arch2-other"');
    other.configure({ archive_command: command.replace('/main/', '/other/').replace(/main$/, 'other') });
    await other.start();
    const [theirs, ours] = [await other.switchWal(), await primary.switchWal()];
    await Promise.all([other.waitForArchived(theirs), primary.waitForArchived(ours)]);
    const agents = stand.primary.processes('archive_cmd agent run').map(({ argv }) => argv[3]);
    expect(agents).toContain(`--data-dir=${primary.dataDirectory}`);
    expect(agents).toContain(`--data-dir=${other.dataDirectory}`);

    const identifier = async (cluster: PostgresCluster) =>
      BigInt(await cluster.value('SELECT system_identifier FROM pg_control_system()'));
    for (const host of stand.hosts) {
      expect(stand.content(host, theirs, 'other')?.readBigUInt64LE(24)).toBe(await identifier(other));
      expect(stand.content(host, ours)?.readBigUInt64LE(24)).toBe(await identifier(primary));
      for (const cluster of ['main', 'other']) {
        expect(host.allFiles(walDirectoryOf(cluster)).filter((name) => !walNames.test(name))).toEqual([]);
      }
    }
    await other.stop();
  });
});

describe('archive_cmd by hand', () => {
  let stand: ArchiveStand;
  let data: DataDirectory;
  let nextNumber = 100;

  beforeAll(async () => {
    stand = await ArchiveStand.create();
    data = new DataDirectory(stand, 'byhand');
    const { name } = newSegment();
    expect(await data.archive(name)).toMatchObject({ status: 0, stderr: '' });
  });

  afterAll(async () => {
    await stand?.close();
  });

  const newSegment = (from = data, fields: Parameters<DataDirectory['segment']>[1] = {}) => {
    nextNumber += 1;
    return from.segment(nextNumber, fields);
  };

  /** All names in the archives and on the client, so that a call can be shown to have made nothing. */
  const everything = () => [
    ...stand.hosts.flatMap((host) => [
      host.allFiles('/archive'),
      host.allFiles('/archive/main'),
      host.allFiles(stand.walDirectory),
    ]),
    readdirSync(stand.primary.path(data.path)),
    readdirSync(stand.primary.path(`${data.path}/pg_wal`)),
    readdirSync(stand.primary.path('/tmp')),
    readdirSync(stand.primary.path('/')),
  ];

  describe('a name that is stored', () => {
    test('is confirmed again for the same content, by an agent that never saw it and without one', async () => {
      const { name, content } = newSegment();
      expect((await data.archive(name)).status).toBe(0);
      const stored = stand.hosts.map(({ machine }) => statSync(machine.path(`${stand.walDirectory}/${name}`)).ino);
      const elsewhere = new DataDirectory(stand, 'copy');
      elsewhere.file(name, content);
      expect(await elsewhere.archive(name)).toMatchObject({ status: 0, stderr: '' });
      expect(await elsewhere.archiveAlone(name)).toMatchObject({ status: 0, stderr: '' });
      expect(stand.hosts.map(({ machine }) => statSync(machine.path(`${stand.walDirectory}/${name}`)).ino)).toEqual(
        stored,
      );
      expect(stand.hosts.map((host) => stand.quarantine(host))).toEqual([[], []]);
    });

    test('is refused with 15 for other content, which is kept once however often it comes', async () => {
      const { name, content } = newSegment();
      expect((await data.archive(name)).status).toBe(0);
      const original = sha256(content);
      const stored = stand.hosts.map((host) => host.sha256(`${stand.walDirectory}/${name}`));
      const changed = Buffer.from(content);
      changed[3 * 8192 + 17] = (changed[3 * 8192 + 17] ?? 0) ^ 1;
      const elsewhere = new DataDirectory(stand, 'splitbrain');
      elsewhere.file(name, changed);

      const first = await elsewhere.archive(name);
      expect(first.status).toBe(15);
      expect(first.stderr).toContain(`digest=${sha256(changed)}`);
      expect(first.stderr).toContain('firstDifferingPage=3');
      expect(first.stderr).toContain(`archive_remote_cmd conflict show ${name}`);
      for (const again of [await elsewhere.archive(name), await elsewhere.archiveAlone(name)]) {
        expect(again.status).toBe(15);
        expect(again.stderr).toContain(`digest=${sha256(changed)}`);
      }
      expect(stand.digests(name)).toEqual([original, original]);
      expect(stand.hosts.map((host) => host.sha256(`${stand.walDirectory}/${name}`))).toEqual(stored);
      const kept = `${name}.${sha256(changed).slice(0, 16)}`;
      const quarantined = stand.hosts.map((host) => stand.quarantine(host));
      expect(quarantined[0]).toEqual([kept]);
      expect([[], [kept]]).toContainEqual(quarantined[1]);
      expect(stand.hosts.map((host) => stand.debts(host))).toEqual([[], []]);
    });
  });

  describe('a name that is none (fault 54) is refused before anything is made', () => {
    const names = [
      '../../x',
      '/etc/x',
      '$(id)',
      ';',
      'a\nb',
      '000000010000000000000001\n',
      '-rf',
      'A'.repeat(65),
      '0'.repeat(300),
      '\x1b[2J\x1b[31mred',
      '00000001000000000000000g',
      '00000000.history',
      '000000010000000000000001.part',
      '.000000010000000000000001.0123456789abcdef.part',
      '00000001000000000000000a',
      'LASTLOG',
      '.',
      '..',
    ];

    test.each(names.map((name) => ({ name, title: JSON.stringify(name.slice(0, 40)) })))('$title', async ({ name }) => {
      const { name: good } = newSegment();
      await stand.waitForNoParts();
      const before = everything();
      for (const call of ['archive', 'archiveAlone'] as const) {
        const { status, stderr } = await data[call](name, { path: `pg_wal/${good}` });
        expect([2, 10]).toContain(status);
        // No control character gets through to a terminal, and the message is one line with its hint.
        expect(stderr.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
        expect(stderr.length).toBeLessThan(600);
      }
      expect(everything()).toEqual(before);
    });
  });

  describe('a source that is no whole segment is refused, and nothing is stored', () => {
    const sources: Record<
      string,
      { status: number; make: (name: string, content: Buffer, path: string) => void | Promise<void> }
    > = {
      'truncated by a byte': { status: 11, make: (name, content) => data.file(name, content.subarray(0, -1)) },
      'truncated within its header': { status: 11, make: (name, content) => data.file(name, content.subarray(0, 20)) },
      'a byte too long': {
        status: 11,
        make: (name, content) => data.file(name, Buffer.concat([content, Buffer.alloc(1)])),
      },
      empty: { status: 11, make: (name) => data.file(name, '') },
      zeros: { status: 13, make: (name, content) => data.file(name, Buffer.alloc(content.length)) },
      'of another name': {
        status: 13,
        make: (name, content) => {
          segmentHeader({ number: nextNumber + 1, systemIdentifier: data.systemIdentifier }).copy(content);
          data.file(name, content);
        },
      },
      'of a later timeline than its name': {
        status: 13,
        make: (name, content) => {
          segmentHeader({ number: nextNumber, systemIdentifier: data.systemIdentifier, pageTimeline: 2 }).copy(content);
          data.file(name, content);
        },
      },
      'of another cluster': {
        status: 14,
        make: (name, content) => {
          segmentHeader({ number: nextNumber, systemIdentifier: data.systemIdentifier + 1n }).copy(content);
          data.file(name, content);
        },
      },
      'of another segment size': {
        status: 14,
        make: (name) => {
          const sizeBytes = 2 * 1024 ** 2;
          const header = segmentHeader({ number: nextNumber / 2, systemIdentifier: data.systemIdentifier, sizeBytes });
          header.writeBigUInt64LE(BigInt(nextNumber) * 2n * 1024n ** 2n, 8);
          data.file(name, Buffer.concat([header, Buffer.alloc(sizeBytes - header.length, 1)]));
        },
      },
      'a symbolic link to a good one': {
        status: 11,
        make: async (name, content, path) => {
          data.file('target', content);
          data.remove(name);
          await stand.primary.check(['ln', '-s', 'target', path]);
        },
      },
      'a fifo': {
        status: 11,
        make: async (name, _content, path) => {
          data.remove(name);
          await stand.primary.check(['mkfifo', path]);
        },
      },
      'a directory': {
        status: 11,
        make: (name, _content, path) => {
          data.remove(name);
          stand.primary.makeDirectory(path);
        },
      },
      'not there': { status: 11, make: (name) => data.remove(name) },
    };

    test.each(Object.keys(sources))('%s', async (kind) => {
      const source = sources[kind];
      const { name, content } = newSegment();
      await source?.make(name, content, `${data.path}/pg_wal/${name}`);
      for (const call of ['archive', 'archiveAlone'] as const) {
        const { status, stderr, elapsedMs } = await data[call](name);
        expect({ status, stderr }).toMatchObject({ status: source?.status });
        expect(elapsedMs).toBeLessThan(10_000);
      }
      expect(stand.digests(name)).toEqual([undefined, undefined]);
      await stand.waitForNoParts();
      for (const host of stand.hosts) {
        expect(host.allFiles(stand.walDirectory).filter((file) => file.includes(name))).toEqual([]);
        expect(stand.quarantine(host).filter((file) => file.includes(name))).toEqual([]);
      }
      data.remove(name);
    });
  });

  describe('positions', () => {
    test('the first segment after a promotion, which begins with a page of the parent, is accepted', async () => {
      const { name } = newSegment(data, { timeline: 4, pageTimeline: 3 });
      expect((await data.archive(name)).status).toBe(0);
      expect(stand.digests(name)[1]).toBe(stand.digests(name)[0]);
    });

    test('after a restore to an older point, a lower timeline goes on', async () => {
      const high = newSegment(data, { timeline: 7 });
      expect((await data.archive(high.name)).status).toBe(0);
      const low = newSegment(data, { timeline: 2 });
      expect((await data.archive(low.name)).status).toBe(0);
      expect(stand.digests(low.name)).toEqual([sha256(low.content), sha256(low.content)]);
    });

    test('a name that cannot come for years is refused with 39', async () => {
      const { name } = data.segment(nextNumber + 100_000);
      expect(await data.archive(name)).toMatchObject({ status: 39, stderr: expect.stringContaining('--max-ahead') });
      expect(stand.digests(name)).toEqual([undefined, undefined]);
    });

    test('absurd content of LASTLOG is ignored', async () => {
      for (const { machine } of stand.hosts)
        machine.writeFile('/archive/main/LASTLOG', `${'F'.repeat(24)}\n\0\xff../../x`);
      const { name } = newSegment();
      // Another agent, and so new sessions on the hosts.
      const other = new DataDirectory(stand, 'lastlog');
      other.file(name, readFileSync(stand.primary.path(`${data.path}/pg_wal/${name}`)));
      expect((await other.archive(name)).status).toBe(0);
      expect(stand.digests(name)).not.toContain(undefined);
      for (const { machine } of stand.hosts) {
        expect(readFileSync(machine.path('/archive/main/LASTLOG'), 'utf8')).toBe(`${name}\n`);
      }
    });
  });

  describe('a wrong call ends with what to put right', () => {
    const calls: Record<string, { call: Parameters<DataDirectory['archive']>[1]; status: number; says: string }> = {
      'DST-DIR is not what the hosts serve': {
        call: { walDirectory: '/archive/elsewhere/logs.complete' },
        status: 31,
        says: '/archive/main/logs.complete',
      },
      'DST-DIR is relative': { call: { walDirectory: 'main/logs.complete' }, status: 2, says: 'absolute' },
      'DST-DIR has a way up': {
        call: { walDirectory: '/archive/main/../main/logs.complete' },
        status: 2,
        says: 'absolute',
      },
      'CLUSTER is another': { call: { cluster: 'elsewhere' }, status: 14, says: 'main' },
      'three hosts': { call: { hosts: 'arch1 arch2 arch3' }, status: 2, says: 'at most two' },
      'one host twice': { call: { hosts: 'arch1 arch1' }, status: 2, says: 'twice' },
      'no host': { call: { hosts: ' ' }, status: 2, says: 'no archive host' },
      'a host that is an option': { call: { hosts: 'arch1 -oProxyCommand=id' }, status: 2, says: 'option' },
      '--min-copies 2 with one host': {
        call: { hosts: 'arch1', flags: ['--min-copies', '2'] },
        status: 2,
        says: 'both',
      },
      'an unknown flag': { call: { flags: ['--fast'] }, status: 2, says: 'fast' },
      'a flag without sense': { call: { flags: ['--stall-timeout=soon'] }, status: 2, says: 'stall-timeout' },
    };

    test.each(Object.keys(calls))('%s', async (kind) => {
      const { call = {}, status, says } = calls[kind] ?? { status: -1, says: '' };
      const { name } = newSegment();
      await stand.waitForNoParts();
      const before = everything();
      for (const how of ['archive', 'archiveAlone'] as const) {
        expect(await data[how](name, call)).toMatchObject({ status, stderr: expect.stringContaining(says) });
      }
      expect(everything()).toEqual(before);
    });

    test('a directive of ssh_config that cannot be honoured is named with its line', async () => {
      const config = stand.primary.path(`${sshDirectory()}/config`);
      const original = readFileSync(config, 'utf8');
      appendFileSync(config, 'Host *\n  ProxyCommand nc %h %p\n');
      const line = readFileSync(config, 'utf8').trimEnd().split('\n').length;
      const { name } = newSegment();
      const result = await data.archiveAlone(name);
      stand.primary.writeFile(`${sshDirectory()}/config`, original);
      expect(result.status).toBe(25);
      expect(result.stderr).toMatch(/proxycommand/i);
      expect(result.stderr).toMatch(new RegExp(`config.*${line}`));
      expect(stand.digests(name)).toEqual([undefined, undefined]);
    });

    test('an unknown host key is refused with the way to add it', async () => {
      forgetHostKeys(stand.primary);
      const { name } = newSegment();
      const result = await data.archiveAlone(name);
      await trust(stand.primary, stand.arch1, { as: 'arch1', forcedCommand: stand.serveCommand('put', 'arch2') });
      await trust(stand.primary, stand.arch2, { as: 'arch2', forcedCommand: stand.serveCommand('put', 'arch1') });
      expect(result.status).toBe(22);
      expect(result.stderr).toMatch(/HINT: .*known_hosts|ssh-keyscan/);
      expect(stand.digests(name)).toEqual([undefined, undefined]);
    });

    test('--min-copies 2 counts two archives, not one that has two names', async () => {
      await trust(stand.primary, stand.arch1, {
        as: 'arch1-again',
        identity: 'id_lonely',
        forcedCommand: stand.serveCommand('put'),
      });
      await trust(stand.primary, stand.arch1, {
        as: 'arch1-lonely',
        identity: 'id_lonely',
        forcedCommand: stand.serveCommand('put'),
      });
      const { name } = newSegment();
      const result = await data.archiveAlone(name, { hosts: 'arch1-lonely arch1-again', flags: ['--min-copies=2'] });
      expect(result.status).toBe(28);
    });
  });

  test('the names of all that is stored are archive names', async () => {
    await stand.waitForNoParts();
    for (const host of stand.hosts) {
      expect(host.allFiles(stand.walDirectory).filter((name) => !walNames.test(name))).toEqual([]);
    }
    expect(segmentName({ number: 1 })).toBe('000000010000000000000001');
  });
});
