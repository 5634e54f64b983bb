import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BackupStand } from '../support/backup-stand.ts';
import { CallTracer } from '../support/call-tracer.ts';
import { GuidedRestore } from '../support/guided-restore.ts';
import type { PostgresCluster } from '../support/postgres-cluster.ts';
import { waitFor } from '../support/wait-for.ts';

/** Names that are given and taken: the directory that is moved, markers, settings; and directories within the extraction. */
const steps = /^rename |^unlink .*\/\.archive2-restore\.json$|^mkdir .*\/(global|base\/5)$/;

describe('a restore that is killed', () => {
  let stand: BackupStand;
  let guide: GuidedRestore;
  let copy: PostgresCluster;
  let flags: string[];
  const home = '/var/lib/postgresql';
  const marker = '.archive2-restore.json';

  beforeAll(async () => {
    stand = await BackupStand.create();
    guide = new GuidedRestore(stand);
    expect(await stand.backUp(stand.archive.arch1)).toMatchObject({ status: 0 });
    await stand.write(3);
    ({ copy, flags } = guide.newCopy('killed'));
    flags = [...flags, '--yes', '--keep-old'];
    guide.machine.makeDirectory('/srv/session', 0o700);
  });

  afterAll(async () => {
    await stand?.ledger.close();
    await stand?.archive.close();
  });

  const inside = (name = '') => guide.machine.path(`${copy.dataDirectory}${name === '' ? '' : `/${name}`}`);
  const asides = () => readdirSync(guide.machine.path(home)).filter((name) => name.startsWith('killed.before-'));
  const isOld = (directory: string) => existsSync(`${directory}/of-the-old-server`);

  /** What was there before: a directory with something in it. */
  const putOld = () => {
    rmSync(inside(), { recursive: true, force: true });
    for (const name of asides()) rmSync(guide.machine.path(`${home}/${name}`), { recursive: true });
    guide.machine.makeDirectory(copy.dataDirectory, 0o700);
    guide.machine.writeFile(`${copy.dataDirectory}/of-the-old-server`, 'rows');
  };

  const expectOldIsSafe = () => {
    const places = [inside(), ...asides().map((name) => guide.machine.path(`${home}/${name}`))];
    expect(places.filter(isOld)).toHaveLength(1);
  };

  const expectRestored = () => {
    expect(existsSync(inside('PG_VERSION'))).toBe(true);
    expect(existsSync(inside('recovery.signal'))).toBe(true);
    expect(existsSync(inside(marker))).toBe(false);
    expect(readFileSync(inside('postgresql.auto.conf'), 'utf8')).toContain("archive_mode = 'off'");
    expect(asides()).toHaveLength(1);
    expect(isOld(inside())).toBe(false);
    expectOldIsSafe();
  };

  test('at any of its steps, has the old directory in place or aside, and the same call ends what it began', async () => {
    putOld();
    const listing = new CallTracer(guide.machine, { action: 'kill', at: 0, pattern: steps });
    expect(await guide.run(flags, { before: listing.words })).toMatchObject({ status: 0 });
    expectRestored();
    const count = listing.calls().length;
    expect(count).toBeGreaterThan(6);
    for (let at = 1; at <= count; at += 1) {
      putOld();
      const tracer = new CallTracer(guide.machine, { action: 'kill', at, pattern: steps });
      const killed = await guide.run(flags, { before: tracer.words });
      const step = `killed at ${tracer.calls().at(-1)}`;
      expect(tracer.isReached, step).toBe(true);
      expect(killed.status, step).not.toBe(0);
      expectOldIsSafe();
      // Nobody takes a half filled directory for the cluster: PostgreSQL has no pg_control, or the marker says what it is.
      const isHalf = existsSync(inside(marker));
      const again = await guide.run(flags);
      expect(again.status, `${step}, half: ${isHalf}\n${again.stderr}`).toBe(0);
      expectRestored();
    }
  }, 600_000);

  test('and whose server runs already, is taken up by the same call', async () => {
    const target = ['--start', '--target-lsn', stand.ledger.confirmed.at(-1)?.lsn ?? ''];
    const first = guide.begin([...flags, ...target]);
    await waitFor(() => existsSync(inside('postmaster.pid')), {
      what: 'the server to start',
      intervalMs: 2,
      timeoutMs: 60_000,
    });
    await first.kill();
    const again = await guide.run([...flags, ...target]);
    expect(again.stderr).toBe('');
    expect(again.status).toBe(0);
    expect(again.stdout).toContain('SELECT pg_wal_replay_resume();');
    expect(await stand.ledger.difference(copy)).toEqual({ missing: [], unexpected: [] });
    await copy.stop('immediate');
  });

  test('by SIGTERM, says how things are', async () => {
    rmSync(inside(), { recursive: true, force: true });
    const program = guide.begin(flags);
    await waitFor(() => existsSync(inside(marker)) || !program.isRunning, {
      what: 'the extraction',
      intervalMs: 1,
      timeoutMs: 60_000,
    });
    await program.signal('SIGTERM');
    const { status, stderr } = await program.endWithin(20_000);
    expect(status).toBe(64);
    expect(stderr).toContain('SIGTERM ended the restore');
    expect(stderr).toMatch(/HINT: .*The same call goes on from here\./);
    expect(await guide.run(flags)).toMatchObject({ status: 0 });
    expect(existsSync(inside(marker))).toBe(false);
  });
});
