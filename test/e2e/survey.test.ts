import { readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256 } from '../support/archive-stand.ts';
import { BackupStand, CLUSTER_DIRECTORY } from '../support/backup-stand.ts';
import { trust } from '../support/keys.ts';
import { BIN_DIRECTORY } from '../support/repository.ts';

const program = new URL('../support/place-program.ts', import.meta.url).pathname;

interface Surveyed {
  answers: {
    code?: string;
    host: string;
    storeId: string;
    backups: { name: string; state: string; files: { name: string; sizeBytes: number }[] }[];
    wal: [number, string, string, number, number][];
    debts: { count: number };
    lastSync?: { endedMs: number; isEqual: boolean };
    pins: unknown[];
    problems: unknown[];
  }[];
  coverage: {
    windows: { fromMs: number; toMs: number }[];
    singleCopies: { host: string; count: number }[];
    holes: unknown[];
    away: string[];
    backups: { name: string; holders: string[]; problem?: string }[];
  };
}

describe('what two archive hosts say of themselves', () => {
  let stand: BackupStand;

  beforeAll(async () => {
    stand = await BackupStand.create();
    expect(await stand.backUp(stand.archive.arch1)).toMatchObject({ status: 0 });
    await stand.write(2);
    await stand.archive.waitForNoDebts();
    const { arch1, arch2 } = stand.archive;
    for (const [right, host, as] of [
      ['status', arch1, 'watch1'],
      ['status', arch2, 'watch2'],
      ['put', arch1, 'put1'],
    ] as const) {
      const forcedCommand = stand.archive.serveCommand(right);
      await trust(stand.restorer, host, { as, identity: `id_${right}`, forcedCommand });
    }
  });

  afterAll(async () => {
    await stand?.close();
  });

  async function ask<T>(hosts: string, ...words: string[]): Promise<T> {
    const argv = [process.execPath, program, hosts, CLUSTER_DIRECTORY, 'main', ...words];
    return JSON.parse(await stand.restorer.check(argv, { env: { BUN_BE_BUN: '1' } })) as T;
  }

  const survey = (hosts: string) => ask<Surveyed>(hosts, 'survey');
  const fetchFile = (host: string, file: string) =>
    ask<{ code?: string; sizeBytes?: number; sha256?: string }>(host, 'fetch', 'data.master.1', file);

  test('a key with the right status sees the backup, the WAL and the coverage of both', async () => {
    const { answers, coverage } = await survey('watch1 watch2');
    expect(answers.map(({ code, problems, debts }) => [code, problems, debts.count])).toEqual([
      [undefined, [], 0],
      [undefined, [], 0],
    ]);
    const [first, second] = answers;
    expect(first?.storeId).not.toBe(second?.storeId);
    // arch1 has cleaned up after its backup; arch2 has none of its own, and keeps what is older.
    const newestOf = (run: Surveyed['answers'][0]['wal'][0] | undefined) => [run?.[2], run?.[4]];
    expect(first?.wal).toHaveLength(1);
    expect(newestOf(first?.wal[0])).toEqual(newestOf(second?.wal[0]));
    expect(first?.backups.map(({ name, state }) => [name, state])).toEqual([['data.master.1', 'complete']]);
    expect(second?.backups).toEqual([]);
    expect(coverage).toMatchObject({ singleCopies: [], holes: [], away: [] });
    expect(coverage.backups).toEqual([{ name: 'data.master.1', holders: ['watch1'] }]);
    // From the end of the backup to what was written after it.
    expect(coverage.windows).toHaveLength(1);
    const newest = first?.wal.at(-1);
    expect(coverage.windows[0]?.toMs).toBe(newest?.[4]);
    expect(coverage.windows[0]?.toMs).toBeGreaterThan(coverage.windows[0]?.fromMs ?? Infinity);
    expect(Math.abs(Date.now() - (newest?.[4] ?? 0))).toBeLessThan(60_000);
  });

  test('a key with the right get is sent the files of the backup as they lie there', async () => {
    const { backups } = (await survey('arch1 arch2')).answers[0] ?? { backups: [] };
    const files = backups[0]?.files ?? [];
    expect(files.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['base.tar.zst', 'pg_wal.tar.zst', 'backup_manifest', 'backup.json', 'global/pg_control']),
    );
    for (const { name, sizeBytes } of files) {
      const path = stand.archive.arch1.machine.path(`${CLUSTER_DIRECTORY}/data.master.1/${name}`);
      expect(statSync(path).size, name).toBe(sizeBytes);
    }
    for (const name of ['base.tar.zst', 'backup_manifest', 'global/pg_control']) {
      const content = readFileSync(stand.archive.arch1.machine.path(`${CLUSTER_DIRECTORY}/data.master.1/${name}`));
      expect(await fetchFile('arch1', name)).toEqual({ sizeBytes: content.length, sha256: sha256(content) });
    }
    expect(await fetchFile('arch2', 'base.tar.zst')).toEqual({ code: 'not_found' });
    expect(await fetchFile('arch1', '../cluster.json')).toEqual({ code: 'usage' });
  });

  test('a key that puts is told nothing, and one with the right status is sent no file', async () => {
    expect(await fetchFile('put1', 'base.tar.zst')).toEqual({ code: 'not_allowed' });
    expect(await fetchFile('watch1', 'base.tar.zst')).toEqual({ code: 'not_allowed' });
    expect((await survey('put1 watch2')).answers.map(({ code }) => code)).toEqual(['not_allowed', undefined]);
  });

  test('one host under two names is refused', async () => {
    const argv = [process.execPath, program, 'arch1 watch1', CLUSTER_DIRECTORY, 'main', 'survey'];
    const result = await stand.restorer.run(argv, { env: { BUN_BE_BUN: '1' } });
    expect(result.status).not.toBe(0);
    expect(result.stderr).toContain('arch1 and watch1 are one archive under two names');
  });

  test('a wal-sync leaves when it ended, and that both hosts are equal', async () => {
    const { arch1 } = stand.archive;
    const endedMs = async () => (await survey('watch1')).answers[0]?.lastSync?.endedMs ?? 0;
    const before = await endedMs();
    const words = [stand.archive.walDirectory, 'arch2', '--remote-cmd', `${BIN_DIRECTORY}/archive_remote_cmd`];
    await arch1.machine.check([`${BIN_DIRECTORY}/wal-sync`, ...words, '--dry-run']);
    expect(await endedMs()).toBe(before);
    await arch1.machine.check([`${BIN_DIRECTORY}/wal-sync`, ...words]);
    const [synced, other] = (await survey('watch1 watch2')).answers;
    expect(synced?.lastSync).toMatchObject({ peer: 'arch2', isEqual: true });
    expect(synced?.lastSync?.endedMs).toBeGreaterThan(before);
    expect(other?.lastSync).toBeUndefined();
  });

  test('a segment that one host lost is a single copy, one that both lost a hole', async () => {
    const { arch1, arch2 } = stand.archive;
    const { wal } = (await survey('watch1')).answers[0] ?? { wal: [] };
    const newest = wal.at(-1)?.[2] ?? '';
    await stand.write(1);
    const path = `${stand.archive.walDirectory}/${newest}`;
    await arch1.machine.check(['rm', path]);
    const single = (await survey('watch1 watch2')).coverage;
    expect(single.singleCopies).toMatchObject([{ host: 'watch2', from: newest, to: newest, count: 1 }]);
    expect([single.holes, single.windows.length]).toEqual([[], 1]);
    await arch2.machine.check(['rm', path]);
    const hole = (await survey('watch1 watch2')).coverage;
    expect(hole.singleCopies).toEqual([]);
    expect(hole.holes).toMatchObject([{ from: newest, to: newest }]);
    expect(hole.windows[0]?.toMs).toBeLessThan(single.windows[0]?.toMs ?? 0);
  });

  test('a host that is away is told, and that there may be more', async () => {
    await stand.archive.arch1.machine.kill9();
    const { answers, coverage } = await survey('watch1 watch2');
    expect(answers[0]?.code).toBe('host_unreachable');
    // Without arch1's backup arch2's WAL restores nothing.
    expect(coverage).toMatchObject({ away: ['watch1'], windows: [], singleCopies: [] });
  });
});
