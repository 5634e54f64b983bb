import { existsSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BackupStand, CLUSTER_DIRECTORY } from '../support/backup-stand.ts';

describe('base-backup by hand, without a queue', () => {
  let stand: BackupStand;

  beforeAll(async () => {
    stand = await BackupStand.create();
  });

  afterAll(async () => {
    await stand?.close();
  });

  test('a backup is complete, verified, readable beside its tars, and restores with all rows', async () => {
    const { arch1 } = stand.archive;
    const result = await stand.backUp(arch1);
    expect(result, result.stderr).toMatchObject({ status: 0 });
    expect(result.stdout).toMatch(/^data\.master\.1 of main is complete: /);
    expect(stand.backups(arch1)).toEqual(['data.master.1']);
    const record = stand.record(arch1, 'data.master.1');
    expect(record).toMatchObject({ name: 'data.master.1', verified: true });
    const directory = arch1.machine.path(`${CLUSTER_DIRECTORY}/data.master.1`);
    for (const file of [
      'base.tar.zst',
      'pg_wal.tar.zst',
      'backup_manifest',
      'backup_label',
      'global/pg_control',
      'SUCCESS',
    ]) {
      expect(statSync(`${directory}/${file}`).mode & 0o777, file).toBe(0o600);
    }
    expect(existsSync(`${directory}/pg_wal.tar`)).toBe(false);
    expect(arch1.files(stand.archive.walDirectory)).toContain(record.startSegment);
    await stand.write(3);
    const server = await stand.restore(arch1, 'data.master.1');
    expect(await stand.ledger.difference(server)).toEqual({ missing: [], unexpected: [] });
    await server.stop('immediate');
  });
});
