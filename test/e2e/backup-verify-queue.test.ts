import { existsSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ArchiveHost } from '../support/archive-host.ts';
import { BackupQueueStand } from '../support/backup-queue-stand.ts';
import { CLUSTER_DIRECTORY } from '../support/backup-stand.ts';
import { leftOf, PATIENT, pinsOn, SCRATCH, STATE_DIRECTORY } from '../support/drill-stand.ts';
import type { Machine } from '../support/machine.ts';
import type { Program, ProgramResult } from '../support/program.ts';
import { BIN_DIRECTORY } from '../support/repository.ts';
import { waitFor } from '../support/wait-for.ts';

interface Verified {
  cluster: string;
  ok: boolean;
  host: string;
  name: string;
  method: string;
  error: string | null;
  details: Record<string, string | number | boolean>;
}

describe('drills from the queue', () => {
  let stand: BackupQueueStand;
  let arch1: ArchiveHost;
  let third: Machine;

  beforeAll(async () => {
    stand = await BackupQueueStand.create();
    ({ arch1 } = stand.backups.archive);
    third = stand.backups.restorer;
    expect(await stand.call(arch1)).toMatchObject({ status: 0 });
    await stand.backups.write(2);
    // A machine that is no archive host: an entry of its own, for drills alone.
    const drills = [
      '--kind',
      'verify',
      '--hosts',
      'restorer',
      '--directory',
      CLUSTER_DIRECTORY,
      '--periodicity-days',
      '1',
    ];
    const options = ['cluster=main', 'hosts=arch1 arch2', 'max-rpo=none'].flatMap((option) => ['--option', option]);
    const server = ['--conninfo', `host=${stand.backups.primary.machine.address} user=postgres`];
    await stand.operate('add', 'main-drills', ...server, ...drills, ...options);
    await stand.operate('set', 'main', '--kind', 'verify', '--periodicity-days', '1', '--option', 'max-rpo=none');
  });

  afterAll(async () => {
    await stand?.close();
  });

  function begin(machine: Machine, ...flags: string[]): Program {
    const remote = ['--remote-cmd', `${BIN_DIRECTORY}/archive_remote_cmd`];
    const words = [
      '--queue',
      stand.location,
      '--host',
      machine.name,
      '--scratch',
      SCRATCH,
      ...PATIENT,
      ...remote,
      ...flags,
    ];
    const program = machine.spawn([`${BIN_DIRECTORY}/backup-verify`, ...words]);
    program.input.end();
    return program;
  }

  const call = (machine: Machine, ...flags: string[]): Promise<ProgramResult> =>
    begin(machine, ...flags).endWithin(100_000);

  async function verifications(): Promise<Verified[]> {
    const sql = `SELECT json_build_object('cluster', cluster, 'ok', ok, 'host', host, 'name', name, 'method', method, 'error', error, 'details', details)
      FROM backup_queue.verification ORDER BY started_at DESC`;
    return (await stand.queue.sql(sql)).map((line) => JSON.parse(line) as Verified);
  }

  async function drills(): Promise<{ host: string; state: string; error: string | null }[]> {
    const { tasks } = JSON.parse(await stand.operate('history', '--json', '--kind', 'verify')) as {
      tasks: { host: string; state: string; error: string | null }[];
    };
    return tasks;
  }

  const journal = () => {
    const directory = third.path(`${STATE_DIRECTORY}/backup-verify`);
    return existsSync(directory) ? readdirSync(directory).filter((name) => name.endsWith('.json')) : [];
  };

  test('a third machine does the drill that is due, over the network, and the queue has what it found', async () => {
    const result = await call(third, '--check', 'select count(*) > 4 from ledger');
    expect(result, result.stderr).toMatchObject({ status: 0 });
    expect(result.stdout).toMatch(/^drill of main on restorer: good\nbackup {3}data\.master\.1 of arch1/);
    expect((await drills())[0]).toMatchObject({ host: 'restorer', state: 'succeeded' });
    const [verified] = await verifications();
    expect(verified).toMatchObject({
      cluster: 'main',
      ok: true,
      host: 'restorer',
      name: 'data.master.1',
      method: 'restore',
    });
    expect(verified?.details).toMatchObject({
      from: 'arch1',
      checksFailed: 0,
      'check select count(*) > 4 from ledger': 'true',
    });
    expect(Number(verified?.details['rtoMs'])).toBeGreaterThan(0);
    expect(await call(third)).toMatchObject({ status: 0, stdout: '' });
    expect(journal()).toEqual([]);
    expect(leftOf(third)).toEqual([]);
  });

  test('an archive host does the one of the cluster itself, with its own directory and its peer', async () => {
    const result = await call(arch1.machine, '--cluster', 'main', '--now');
    expect(result, result.stderr).toMatchObject({ status: 0 });
    expect(result.stdout).toContain('drill of main on arch1: good');
    expect((await drills())[0]).toMatchObject({ host: 'arch1', state: 'succeeded' });
  });

  test('a drill that fails is a failed task and a failed verification, with the reason', async () => {
    const words = ['--cluster', 'main-drills', '--now', '--check', 'select false', '--no-keep-on-failure'];
    expect(await call(third, ...words)).toMatchObject({ status: 67 });
    const reason = expect.stringContaining('check "select false" failed: it gave false');
    expect((await drills())[0]).toMatchObject({ state: 'failed', error: reason });
    expect((await verifications())[0]).toMatchObject({ ok: false, error: reason });
    expect(journal()).toEqual([]);
  });

  test('a worker that was killed leaves no task: the next call ends it', async () => {
    const program = begin(third, '--cluster', 'main-drills', '--now', '--check', 'select pg_sleep(300) is not null');
    await waitFor(() => third.processes(/postgres: .*FETCH/).length > 0, {
      what: 'the check to begin',
      timeoutMs: 60_000,
    });
    await program.kill();
    const next = await call(third, '--cluster', 'main-drills', '--now');
    expect(next, next.stderr).toMatchObject({ status: 0, stderr: expect.stringContaining('outcome=failed') });
    const [last, before] = await drills();
    expect(last).toMatchObject({ state: 'succeeded' });
    expect(before).toMatchObject({ state: 'failed', error: expect.stringContaining('killed') });
    expect(leftOf(third)).toEqual([]);
    // Of the one that was killed: they end by themselves.
    expect(pinsOn(stand.backups).length).toBeLessThanOrEqual(2);
  });

  test('an option of the task that is none is refused, and the queue has the reason', async () => {
    await stand.operate('set', 'main-drills', '--kind', 'verify', '--option', 'maxrpo=1');
    expect(await call(third, '--cluster', 'main-drills', '--now')).toMatchObject({ status: 2 });
    expect((await drills())[0]).toMatchObject({ state: 'failed', error: expect.stringContaining('"maxrpo"') });
  });
});
