import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sendSignal } from '../support/kill.ts';
import type { PostgresCluster } from '../support/postgres-cluster.ts';
import { RestoreStand } from '../support/restore-stand.ts';
import { waitFor } from '../support/wait-for.ts';

let it: RestoreStand;
let standby: PostgresCluster;

beforeAll(async () => {
  it = await RestoreStand.create();
  await it.write(3, 100_000);
  standby = await it.copy({ standby: true });
  await standby.start();
  await it.expectFollows(standby);
});

afterAll(async () => {
  await it?.close();
});

/** The processes that fetch for the standby: restore_cmd as PostgreSQL has started it, and the agent. */
const callers = () => it.restorer.processes(/restore_cmd .*pg_wal\/RECOVERY/);
const clients = () => callers().filter(({ commandLine }) => !/^\S*sh /.test(commandLine));
const agents = () => it.agents(standby);

/** Sends a signal to whoever is found, as soon as somebody is. */
const signal = async (find: () => { pid: number }[], name: NodeJS.Signals) => {
  const hit = () => {
    const found = find();
    for (const { pid } of found) sendSignal(pid, name);
    return found.length > 0;
  };
  await waitFor(hit, { what: `somebody to send ${name} to`, intervalMs: 2 });
};

/** What happens, when so many segments of a catch-up are restored and the next one is asked for. */
const blows: [what: string, restored: number, strike: () => Promise<void> | void][] = [
  ['a fast shutdown', 0, () => standby.stop('fast')],
  ['an immediate shutdown', 2, () => standby.stop('immediate')],
  ['SIGKILL of the postmaster', 1, () => standby.kill9()],
  ['SIGTERM of restore_cmd', 0, () => signal(clients, 'SIGTERM')],
  ['SIGTERM of restore_cmd', 2, () => signal(clients, 'SIGTERM')],
  ['SIGKILL of restore_cmd', 1, () => signal(clients, 'SIGKILL')],
  ['SIGTERM of its agent', 2, () => signal(agents, 'SIGTERM')],
  ['SIGKILL of its agent', 1, () => signal(agents, 'SIGKILL')],
  ['SIGKILL of both', 3, () => signal(() => [...agents(), ...clients()], 'SIGKILL')],
];

/** A line over which a segment takes a third of a second, so that the blow meets a transfer. */
const slowBitsPerSecond = 24_000_000;

test.each(blows)('91: %s after %d segments: the standby goes on where it was', async (_what, count, strike) => {
  await it.stop(standby);
  await it.write(4, 700_000);
  for (const { machine } of it.stand.hosts) await machine.limitRate(slowBitsPerSecond);
  try {
    const before = standby.log().length;
    const restored = () =>
      standby
        .log()
        .slice(before)
        .match(/restored log file "[0-9A-F]{24}"/g)?.length ?? 0;
    await standby.startWithoutWaiting();
    const isTheMoment = () => restored() >= count && callers().length > 0;
    await waitFor(isTheMoment, { what: `${count} segments to be restored`, intervalMs: 2, timeoutMs: 30_000 });
    await strike();
  } finally {
    for (const { machine } of it.stand.hosts) await machine.limitRate(undefined);
  }
  const last = it.ledger.confirmed.at(-1)?.number ?? 0;
  const hasCaughtUp = async () => {
    // A restore_cmd that dies by a signal ends the standby too: whoever runs it starts it again.
    if (!standby.isRunning) await standby.startWithoutWaiting();
    return Number(await standby.value('SELECT max(number) FROM ledger')) >= last;
  };
  await waitFor(hasCaughtUp, { what: 'the standby to follow', timeoutMs: 60_000, intervalMs: 100 });
  await it.expectFollows(standby);
  expect(standby.log()).not.toContain('selected new timeline');
});

test('91: what dead ones left in pg_wal and in the buffer is gone, and the standby can be promoted', async () => {
  const leftIn = (directory: string) =>
    readdirSync(it.restorer.path(directory)).filter((name) => name.endsWith('.part') || name.startsWith('RECOVERY'));
  expect(leftIn(`${standby.dataDirectory}/pg_wal`)).toEqual([]);
  const state = '/var/lib/archive2/postgres';
  const buffers = readdirSync(it.restorer.path(state)).filter((name) => name.startsWith('buffer-'));
  expect(buffers).toHaveLength(1);
  // One window, and what is on its way: not what the agents before this one had.
  const held = buffers.flatMap((name) => leftIn(`${state}/${name}`));
  expect(held.length).toBeLessThanOrEqual(12);
  await standby.promote();
  expect(await it.ledger.difference(standby)).toEqual({ missing: [], unexpected: [] });
});
