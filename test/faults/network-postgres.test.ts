import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ArchiveStand } from '../support/archive-stand.ts';
import { PostgresCluster } from '../support/postgres-cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const flags = ['--connect-timeout=1.5', '--stall-timeout=1.5'];
const serveFlags = [
  '--probe-interval',
  '0.3',
  '--peer-cooldown',
  '1',
  '--connect-timeout',
  '1',
  '--stall-timeout',
  '1',
];

describe('PostgreSQL while its archive hosts come and go', () => {
  let stand: ArchiveStand;
  let primary: PostgresCluster;

  beforeAll(async () => {
    stand = await ArchiveStand.create({ serveFlags });
    primary = await PostgresCluster.init(stand.primary);
    await stand.startArchiving(primary, ...flags);
    await primary.waitForArchived(await primary.switchWal());
  });

  afterAll(async () => {
    await stand?.close();
  });

  const cutBoth = async () => {
    for (const { machine } of stand.hosts) await stand.primary.cut(machine);
  };
  const healBoth = async () => {
    for (const { machine } of stand.hosts) await stand.primary.heal(machine);
  };

  /** All that PostgreSQL thinks is archived is there, twice, and nothing is missing in between. */
  const expectWhole = async (last: string) => {
    await stand.waitForNoDebts();
    const [names = [], others] = stand.hosts.map((host) => host.files(stand.walDirectory));
    expect(others).toEqual(names);
    const segments = names.filter((name) => name.length === 24).map((name) => Number.parseInt(name.slice(8), 16));
    const [first = 0] = segments;
    expect(segments).toEqual(segments.map((_, index) => first + index));
    expect(names.filter((name) => name.length === 24).at(-1)).toBe(last);
    for (const name of names) {
      const [a, b] = stand.digests(name);
      expect({ name, b }).toEqual({ name, b: a });
    }
  };

  test('both gone (fault 88): it keeps the WAL, tries again, and nothing is lost', async () => {
    const archived = (await primary.archiverStats()).archivedCount;
    await cutBoth();
    await primary.sql('CREATE TABLE kept AS SELECT generate_series(1, 50000) AS number');
    const last = await primary.switchWal();
    await primary.pollUntil('SELECT failed_count > 0 FROM pg_stat_archiver', 't');
    expect((await primary.archiverStats()).archivedCount).toBe(archived);
    await healBoth();
    // After three failures in a row the archiver of PostgreSQL rests for a minute, unless a new segment wakes it.
    const isArchived = async () => {
      await primary.reload();
      return (await primary.lastArchived()) >= last;
    };
    await waitFor(isArchived, { what: 'the retry', timeoutMs: 70_000, intervalMs: 500 });
    await expectWhole(last);
  });

  test('17: hosts that flap under load lose nothing', async () => {
    const over = new AbortController();
    const load = (async () => {
      while (!over.signal.aborted)
        await primary.sql('INSERT INTO kept SELECT generate_series(1, 10000); SELECT pg_switch_wal()');
    })();
    const [arch1, arch2] = stand.hosts;
    // Whenever something was archived, the next thing breaks; always one way stays open.
    const faults = [
      { begin: () => stand.primary.cut(arch1.machine), end: () => stand.primary.heal(arch1.machine) },
      { begin: () => arch1.machine.cut(arch2.machine), end: () => arch1.machine.heal(arch2.machine) },
      { begin: () => stand.primary.cut(arch2.machine), end: () => stand.primary.heal(arch2.machine) },
      { begin: () => arch1.killSshd(), end: () => arch1.startSshd() },
    ];
    for (const { begin, end } of faults) {
      await begin();
      const before = (await primary.archiverStats()).archivedCount;
      await primary.pollUntil(`SELECT archived_count > ${before + 2} FROM pg_stat_archiver`, 't');
      await end();
    }
    over.abort();
    await load;
    const last = await primary.switchWal();
    await primary.waitForArchived(last);
    expect((await primary.archiverStats()).failedCount).toBeLessThan(10);
    await expectWhole(last);
  });
});
