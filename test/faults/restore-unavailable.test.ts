import { renameSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { PostgresCluster } from '../support/postgres-cluster.ts';
import { expectRefusal, IMPATIENT, RestoreStand } from '../support/restore-stand.ts';
import { waitFor } from '../support/wait-for.ts';

const FIRST_PROBE = '00000002.history';

let it: RestoreStand;
let copy: PostgresCluster;
let segments: string[];

beforeAll(async () => {
  it = await RestoreStand.create();
  await it.write(40, 100_000);
  segments = it.stand.arch1.files(it.stand.walDirectory).filter((name) => name.length === 24);
});

afterEach(async () => {
  for (const host of it.stand.hosts) {
    if (!host.machine.isRunning) await host.machine.boot();
    if (host.machine.processes('sshd').length === 0) await host.startSshd();
  }
  await it.discard(copy);
});

afterAll(async () => {
  await it?.close();
});

const opensWithEverything = async () => {
  await copy.start();
  await it.expectOpened(copy);
};

test('89: a host is dead before recovery begins: it stops at the first question, and opens when the host is back', async () => {
  copy = await it.copy();
  await it.stand.arch2.machine.kill9();
  await expectRefusal(copy, FIRST_PROBE);
  await it.stand.arch2.machine.boot();
  await it.stand.arch2.startSshd();
  await opensWithEverything();
});

test('89: a host dies while recovery runs: it does not open before the host is back', async () => {
  copy = await it.copy();
  await copy.startWithoutWaiting();
  const half = segments[Math.floor(segments.length / 2)] ?? '';
  await waitFor(() => copy.log().includes(`restored log file "${half}"`), { what: `${half} to be restored` });
  await it.stand.arch1.killSshd();
  await waitFor(() => copy.log().includes('FATAL') && !copy.isRunning, { what: 'recovery to stop', timeoutMs: 30_000 });
  expect(copy.log()).toContain('recovery must not end');
  expect(copy.log()).not.toMatch(/ready to accept connections|selected new timeline/);
  await it.stand.arch1.startSshd();
  await opensWithEverything();
});

test('89: recovery that may wait goes on by itself when the host is back', async () => {
  // Without a cooldown each attempt is logged.
  const flags = ['--unavailable-timeout=100', '--connect-timeout=1', '--cooldown-time=0'];
  copy = await it.copy({ restoreCommand: it.stand.restoreCommand(...flags) });
  await it.stand.arch1.killSshd();
  await copy.startWithoutWaiting();
  const hasAskedAgain = () => it.agentLog(copy).split('archive host failed').length > 3;
  await waitFor(hasAskedAgain, { what: 'the third attempt', timeoutMs: 30_000 });
  expect(copy.log()).not.toMatch(/FATAL|ready to accept connections/);
  await it.stand.arch1.startSshd();
  await waitFor(() => copy.log().includes('ready to accept connections'), { what: 'the end of recovery' });
  await it.expectOpened(copy);
  expect(copy.log()).toContain(`not known, asking again name=${FIRST_PROBE}`);
});

test('89: named alone, the surviving host is enough', async () => {
  copy = await it.copy({ restoreCommand: it.stand.restoreCommand(...IMPATIENT).replace('"arch1 arch2"', 'arch2') });
  await it.stand.arch1.machine.kill9();
  await opensWithEverything();
});

/** Takes a segment away from both hosts for as long as something is done. */
const withoutSegment = async (name: string, work: (bringBack: () => void) => Promise<void>) => {
  const paths = it.stand.hosts.map(({ machine }) => machine.path(`${it.stand.walDirectory}/${name}`));
  const away = new Set(paths);
  for (const path of paths) renameSync(path, `${path}.away`);
  const back = (path: string) => {
    if (away.delete(path)) renameSync(`${path}.away`, path);
  };
  try {
    // One host is enough.
    await work(() => paths.slice(1).forEach(back));
  } finally {
    paths.forEach(back);
  }
};

test.each([
  ['first', 0],
  ['middle', 0.5],
])(
  '90: a hole where the %s segment was: recovery stops there, and opens when one host has it again',
  async (_at, at) => {
    copy = await it.copy();
    const needed = segments.filter((name) => name >= it.backupStart());
    const name = needed[Math.floor(needed.length * at)] ?? '';
    await withoutSegment(name, async (bringBack) => {
      await expectRefusal(copy, name);
      bringBack();
      await opensWithEverything();
    });
  },
);

test('90: a hole that an operator takes for the end: recovery opens with what was before it, and says what that costs', async () => {
  const entry = it.ledger.confirmed[15];
  const position = Number.parseInt(entry?.lsn.split('/')[1] ?? '', 16);
  const name = segments.find((segment) => Number.parseInt(segment.slice(16), 16) * 1024 ** 2 > position) ?? '';
  copy = await it.copy({ restoreCommand: it.stand.restoreCommand('--on-unavailable=end') });
  await withoutSegment(name, async () => {
    await copy.start();
    await copy.pollUntil('SELECT pg_is_in_recovery()', 'f');
  });
  const rows = Number(await copy.value('SELECT max(number) FROM ledger'));
  expect(rows).toBeGreaterThanOrEqual(entry?.number ?? 0);
  expect(rows).toBeLessThan(it.ledger.confirmed.at(-1)?.number ?? 0);
  expect(copy.log()).toContain(`later commits may be lost name=${name}`);
});
