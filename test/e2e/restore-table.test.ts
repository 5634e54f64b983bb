import { readFileSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ArchiveHost } from '../support/archive-host.ts';
import { ArchiveStand, sha256 } from '../support/archive-stand.ts';
import { DataDirectory } from '../support/data-directory.ts';
import type { Machine } from '../support/machine.ts';
import { type Asker, RestoringDirectory } from '../support/restoring-directory.ts';
import { waitFor } from '../support/wait-for.ts';

const states = ['ok', 'missing', 'cannot say', 'damaged'] as const;
type State = (typeof states)[number];
type Joined = 'delivered' | 'absent' | 'unknown';

const joined: Record<State, Record<State, Joined>> = {
  ok: { ok: 'delivered', missing: 'delivered', 'cannot say': 'delivered', damaged: 'delivered' },
  missing: { ok: 'delivered', missing: 'absent', 'cannot say': 'unknown', damaged: 'unknown' },
  'cannot say': { ok: 'delivered', missing: 'unknown', 'cannot say': 'unknown', damaged: 'unknown' },
  damaged: { ok: 'delivered', missing: 'unknown', 'cannot say': 'unknown', damaged: 'unknown' },
};

const statuses: Record<Joined, Record<Asker, number>> = {
  delivered: { standby: 0, recovery: 0, elsewhere: 0 },
  absent: { standby: 1, recovery: 1, elsewhere: 1 },
  unknown: { standby: 1, recovery: 126, elsewhere: 126 },
};

/** For how long a standby that was told to ask again does so. */
const patienceMs = 10_000;

const askers = ['standby', 'recovery', 'elsewhere'] as const;
const ways = { 'by its agent': [], 'by itself': ['--no-agent'] };
const cells = states.flatMap((a) => states.map((b) => [a, b, joined[a][b]] as const));

/** Everybody who asks: each in a data directory, and with an agent, of its own. */
const callers = askers.flatMap((asker) => Object.entries(ways).map(([way, flags]) => ({ asker, way, flags })));

// A host that is away cannot say: all cells in which the same ones are away are asked together.
describe('restore_cmd', () => {
  let stand: ArchiveStand;
  let data: DataDirectory;
  let restorer: Machine;
  let directories: RestoringDirectory[];
  let timeline = 0;

  beforeAll(async () => {
    stand = await ArchiveStand.create();
    restorer = await stand.stand.machine('restorer');
    await stand.admit(restorer, 'get');
    data = new DataDirectory(stand, 'source');
    directories = callers.map(
      ({ asker }, index) => new RestoringDirectory(stand, restorer, `caller${index}`, asker, data.systemIdentifier),
    );
  });

  afterAll(async () => {
    await stand?.close();
  });

  /** A segment of a timeline of its own, so that nobody has fetched it ahead, and nothing later makes a hole of it. */
  const archived = async (a: State, b: State) => {
    timeline += 1;
    const segment = data.segment(1, { timeline });
    expect((await data.archive(segment.name)).status).toBe(0);
    const isOnBoth = () => stand.hosts.every((host) => host.files(stand.walDirectory).includes(segment.name));
    await waitFor(isOnBoth, { what: `both hosts to have ${segment.name}`, timeoutMs: 20_000 });
    put(stand.arch1, segment.name, a);
    put(stand.arch2, segment.name, b);
    return segment;
  };

  const put = (host: ArchiveHost, name: string, state: State) => {
    const inside = `${stand.walDirectory}/${name}`;
    const path = host.machine.path(inside);
    // What a host has that cannot be asked is of no use, but its payer would bring it to the other one.
    if (state === 'missing' || state === 'cannot say') rmSync(path);
    if (state !== 'damaged') return;
    const bytes = readFileSync(path);
    const at = Math.floor(bytes.length / 2);
    bytes[at] = (bytes[at] ?? 0) ^ 0x10;
    host.machine.writeFile(inside, bytes);
  };

  test.each(cells)('host 1: %s, host 2: %s. The file is %s', async (a, b, answer) => {
    // A damaged copy is repaired when it is met: one for each caller.
    const segments = await Promise.all(callers.map(() => archived(a, b)));
    const away = [
      { host: stand.arch1, state: a },
      { host: stand.arch2, state: b },
    ].filter(({ state }) => state === 'cannot say');
    for (const { host } of away) await host.killSshd();
    const calls = callers.map(async ({ asker, way, flags }, index) => {
      const { name = '', content = '' } = segments[index] ?? {};
      const asked = ['--unavailable-timeout=0', '--connect-timeout=2', ...flags];
      const expected = {
        status: statuses[answer][asker],
        digest: answer === 'delivered' ? sha256(content) : undefined,
      };
      const restore = () => directories[index]?.restore(name, { flags: asked });
      let result = await restore();
      // After one host's "no" a standby waits a moment only for the other one, and asks again; here six ask at once.
      const isToldAgain = asker === 'standby' && answer === 'delivered' && [a, b].includes('missing');
      const untilMs = performance.now() + (isToldAgain ? patienceMs : 0);
      while (result?.status === 1 && performance.now() < untilMs) result = await restore();
      expect({ asker, way, ...result }).toMatchObject({ asker, way, ...expected });
      expect(directories[index]?.leftovers()).toEqual([]);
    });
    const ended = await Promise.allSettled(calls);
    for (const { host } of away) await host.startSshd();
    expect(ended.flatMap((it) => (it.status === 'rejected' ? [it.reason] : []))).toEqual([]);
  });
});
