import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BackupStand } from '../support/backup-stand.ts';
import { GuidedRestore } from '../support/guided-restore.ts';
import type { LedgerEntry } from '../support/ledger.ts';
import type { PostgresCluster } from '../support/postgres-cluster.ts';

/** I5, I6 and I9 of the catalogue: exactly the committed rows, or a refusal that names the reason. */
describe('a ledger that was written under load, over two promotions', () => {
  let stand: BackupStand;
  let guide: GuidedRestore;
  /** The server that is primary at last. */
  let last: PostgresCluster;

  /** Rows under load for a while, then all of their WAL is archived. */
  async function load(primary: PostgresCluster, rows: number): Promise<void> {
    const until = stand.ledger.confirmed.length + rows;
    const load = stand.ledger.run({ paddingBytes: 100_000 });
    while (stand.ledger.confirmed.length < until) await primary.sql('SELECT 1');
    await load.stop();
    await primary.waitForArchived(await primary.switchWal());
  }

  const serverFlags = ({ machine, port }: PostgresCluster) => [
    '--pghost',
    machine.address,
    '--pgport',
    `${port}`,
    '--pguser',
    'postgres',
  ];

  beforeAll(async () => {
    stand = await BackupStand.create();
    guide = new GuidedRestore(stand);
    const { archive, primary, ledger } = stand;
    const [arch1, arch2] = stand.hosts;
    expect(await stand.backUp(arch1)).toMatchObject({ status: 0 });
    await load(primary, 30);

    // Timeline 2: a standby that streams takes over while rows are written.
    const standby = await stand.addStandby();
    standby.configure({ archive_mode: true, archive_command: archive.archiveCommand() });
    await standby.restart();
    await standby.pollUntil('SELECT count(*) FROM pg_stat_wal_receiver', '1');
    for (let row = 0; row < 5; row += 1) await ledger.append({ paddingBytes: 100_000 });
    await standby.pollUntil(`SELECT pg_last_wal_receive_lsn() >= '${ledger.confirmed.at(-1)?.lsn}'`, 't');
    await primary.kill9();
    await standby.promote();
    await ledger.moveTo(standby);
    await load(standby, 20);
    expect(await stand.backUp(arch2, serverFlags(standby))).toMatchObject({ status: 0 });
    await load(standby, 15);

    // Timeline 3: that one is lost, too, and a restored server takes over.
    await standby.kill9();
    await archive.waitForNoDebts();
    await archive.admit(stand.restorer, 'put,get');
    const { copy } = await guide.restore('successor', [
      '--take-over',
      '--set',
      `listen_addresses=${stand.restorer.address}`,
    ]);
    expect(await ledger.difference(copy)).toEqual({ missing: [], unexpected: [] });
    last = copy;
    await ledger.moveTo(last);
    await load(last, 25);
    await archive.waitForNoDebts();
  }, 180_000);

  afterAll(async () => {
    await stand?.ledger.close();
    await stand?.archive.close();
  });

  async function expectExactly(copy: PostgresCluster, upTo?: number): Promise<void> {
    const difference = await stand.ledger.difference(copy, upTo === undefined ? {} : { upTo });
    expect(difference, `up to row ${upTo}`).toEqual({ missing: [], unexpected: [] });
  }

  async function restoreExactly(name: string, flags: readonly string[], upTo?: number): Promise<void> {
    const { copy } = await guide.restore(name, flags);
    await expectExactly(copy, upTo);
    await guide.discard(copy);
  }

  test('has three timelines', () => {
    const names = stand.archive.arch1.files(stand.archive.walDirectory);
    expect(names.filter((name) => name.endsWith('.history'))).toEqual(['00000002.history', '00000003.history']);
    for (const timeline of ['00000001', '00000002', '00000003']) {
      expect(names.filter((name) => name.startsWith(timeline) && name.length === 24).length).toBeGreaterThan(2);
    }
  });

  test('is restored to the latest point: every row', async () => {
    await restoreExactly('latest', []);
  });

  test('is restored to 20 random points, by time and by position: exactly the rows up to there', async () => {
    // What the oldest backup holds already cannot be taken away again.
    const points = stand.ledger.confirmed.slice(4, -1);
    const chosen = Array.from({ length: 20 }, () => points[Math.floor(Math.random() * points.length)] as LedgerEntry);
    const restoreOne = async ({ number, lsn, confirmedAt }: LedgerEntry, index: number) => {
      const target = index % 2 === 0 ? ['--target-lsn', lsn] : ['--target-time', confirmedAt];
      await restoreExactly(`point${index}`, target, number);
    };
    // Two at a time: a restore waits for its server half of the time.
    for (let index = 0; index < chosen.length; index += 2) {
      await Promise.all(chosen.slice(index, index + 2).map((entry, offset) => restoreOne(entry, index + offset)));
    }
  }, 300_000);

  test('along a timeline that was left, ends where that did', async () => {
    const { copy, result } = await guide.restore('left', ['--timeline', '1']);
    expect(result.stdout).toContain('timeline 1, without a gap');
    const rows = Number(await copy.value('SELECT max(number) FROM ledger'));
    expect(rows).toBeGreaterThanOrEqual(33);
    expect(await stand.ledger.difference(copy, { upTo: rows })).toEqual({ missing: [], unexpected: [] });
    await guide.discard(copy);
  });

  describe('with WAL that is damaged or gone', () => {
    /** Of timeline 2, behind the backup that was taken there. */
    let segment: string;
    let whole: Buffer[];
    const path = () => join(stand.archive.walDirectory, segment);
    const half = (content: Buffer) => Buffer.from(content).fill(0x5a, content.length >> 1, (content.length >> 1) + 512);
    const put = (contents: readonly Buffer[]) =>
      stand.hosts.forEach(({ machine }, index) => machine.writeFile(path(), contents[index] ?? ''));

    beforeAll(() => {
      const backup = stand.record(stand.archive.arch2, 'data.master.1');
      const names = stand.archive.arch1.files(stand.archive.walDirectory);
      const behind = names.filter((name) => /^00000002[0-9A-F]{16}$/.test(name) && name > backup.startSegment);
      segment = behind.at(-2) ?? '';
      whole = stand.hosts.map(({ machine }) => readFileSync(machine.path(path())));
    });

    test('on one host, every row comes from the other one', async () => {
      const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = whole;
      put([half(first), second]);
      await restoreExactly('damaged', []);
    });

    test('on both, with whole names: the recovery stops with the reason, and nothing is opened', async () => {
      put(whole.map(half));
      const { copy, flags } = guide.newCopy('unreadable');
      // Else recovery asks again for five minutes, as somebody may repair it.
      guide.machine.writeFile('/etc/default/restore_cmd', 'UNAVAILABLE_TIMEOUT=1\n');
      const { status, stderr } = await guide.run([...flags, '--yes', '--start']);
      expect(status).toBe(66);
      expect(stderr).toContain(`restore_cmd could not say whether there is ${segment}`);
      const log = readFileSync(guide.machine.path(`${copy.dataDirectory}/archive2-restore.log`), 'utf8');
      expect(log).not.toContain('selected new timeline');
      // Put right, the same call goes on from there.
      put(whole);
      const again = await guide.run([...flags, '--yes', '--start']);
      expect(again).toMatchObject({ status: 0 });
      expect(again.stdout).toContain('all files are there');
      await expectExactly(copy);
      await guide.discard(copy);
    });

    test('on both, a hole: the latest point is refused with its name, one before it is restored', async () => {
      for (const { machine } of stand.hosts) rmSync(machine.path(path()));
      const { copy, flags } = guide.newCopy('across');
      const { status, stderr } = await guide.run([...flags, '--yes', '--start']);
      expect(status).toBe(65);
      expect(stderr).toContain(`segment ${segment} is missing on all hosts that answer`);
      expect(existsSync(guide.machine.path(copy.dataDirectory))).toBe(false);
      const before = stand.ledger.confirmed.findLast(({ lsn }) => isBefore(lsn, segment));
      expect(before).toBeDefined();
      await restoreExactly('before', ['--target-lsn', before?.lsn ?? ''], before?.number);
    });

    afterAll(() => put(whole));
  });

  describe('with host 1 gone', () => {
    beforeAll(async () => {
      guide.connectTimeoutSeconds = 3;
      await stand.archive.arch1.machine.kill9();
    });

    test('is refused until the loss is accepted, and is complete then, as everything was on both', async () => {
      const { flags } = guide.newCopy('refused');
      expect(await guide.run([...flags, '--yes', '--start'])).toMatchObject({ status: 68 });
      await restoreExactly('survived', ['--accept-loss']);
    });
  });
});

/** Whether a position lies in a segment (of 1 MB) before that one. */
function isBefore(lsn: string, segment: string): boolean {
  const [high = '', low = ''] = lsn.split('/').map((half) => half.padStart(8, '0'));
  const position = BigInt(`0x${high}${low}`) >> 20n;
  return position < (BigInt(`0x${segment.slice(8, 16)}`) << 12n) + BigInt(`0x${segment.slice(16)}`);
}
