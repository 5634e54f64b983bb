import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ArchiveHost } from '../support/archive-host.ts';
import type { PostgresCluster } from '../support/postgres-cluster.ts';
import { expectRefusal, RestoreStand } from '../support/restore-stand.ts';
import { waitFor } from '../support/wait-for.ts';

/** What a host has under the name of the segment that decides. */
const states = ['ok', 'missing', 'cannot say', 'damaged'] as const;
type State = (typeof states)[number];
type Outcome = 'all' | 'all but the last' | 'refused';

/** What recovery to the latest comes to, without a target: only two hosts that say no may end it before the last segment. */
const outcomes: Record<State, Record<State, Outcome>> = {
  ok: { ok: 'all', missing: 'all', 'cannot say': 'all', damaged: 'all' },
  missing: { ok: 'all', missing: 'all but the last', 'cannot say': 'refused', damaged: 'refused' },
  'cannot say': { ok: 'all', missing: 'refused', 'cannot say': 'refused', damaged: 'refused' },
  damaged: { ok: 'all', missing: 'refused', 'cannot say': 'refused', damaged: 'refused' },
};
const cells = states.flatMap((a) => states.map((b) => [a, b, outcomes[a][b]] as const));

describe('the last segment', () => {
  let it: RestoreStand;
  let last: string;
  let whole: Buffer;
  let rowsBefore: number;

  beforeAll(async () => {
    it = await RestoreStand.create();
    await it.write(3, 300_000);
    await advance();
  });

  afterAll(async () => {
    await it?.close();
  });

  /** One more segment, with the last row in it. */
  const advance = async () => {
    rowsBefore = it.ledger.confirmed.at(-1)?.number ?? 0;
    last = await it.write(1);
    whole = readFileSync(path(it.stand.arch2));
    expect(readFileSync(path(it.stand.arch1)).equals(whole)).toBe(true);
  };

  const path = (host: ArchiveHost) => host.machine.path(`${it.stand.walDirectory}/${last}`);

  const repair = () => {
    for (const host of it.stand.hosts) host.machine.writeFile(`${it.stand.walDirectory}/${last}`, whole);
  };

  const put = (host: ArchiveHost, state: State) => {
    if (state === 'missing') rmSync(path(host));
    // Its owner may not read it: the host has something under the name, and cannot say what.
    if (state === 'cannot say') chmodSync(path(host), 0o000);
    if (state === 'damaged') {
      const bytes = Buffer.from(whole);
      const at = Math.floor(bytes.length / 2);
      bytes[at] = (bytes[at] ?? 0) ^ 0x10;
      host.machine.writeFile(`${it.stand.walDirectory}/${last}`, bytes);
    }
  };

  const putBoth = (a: State, b: State) => {
    put(it.stand.arch1, a);
    put(it.stand.arch2, b);
  };

  test.each(cells)('host 1: %s, host 2: %s. A recovery to the latest: %s', async (a, b, outcome) => {
    const copy = await it.copy();
    putBoth(a, b);
    try {
      if (outcome === 'refused') {
        await expectRefusal(copy, last);
        repair();
      }
      await copy.start();
      await it.expectOpened(copy, outcome === 'all but the last' ? rowsBefore : undefined);
    } finally {
      repair();
      await it.discard(copy);
    }
  });

  describe('on a standby, which asks again', () => {
    let standby: PostgresCluster;

    beforeAll(async () => {
      standby = await it.copy({ standby: true });
      await standby.start();
      await it.expectFollows(standby);
    });

    const waiting = cells.filter(([, , outcome]) => outcome !== 'all');
    test.each(waiting)('host 1: %s, host 2: %s. It waits, and follows when a host has it', async (a, b, outcome) => {
      await it.stop(standby);
      const before = standby.log().length;
      await advance();
      putBoth(a, b);
      try {
        await standby.start();
        const since = () => standby.log().slice(before);
        const isKnown = outcome === 'all but the last';
        // What is known to be absent is nothing to talk about.
        if (!isKnown) await waitFor(() => since().includes(`name=${last}`), { what: `somebody to ask for ${last}` });
        await standby.pollUntil(`SELECT max(number) FROM ledger`, `${rowsBefore}`);
        expect(await standby.value('SELECT pg_is_in_recovery()')).toBe('t');
        expect(since()).not.toMatch(/FATAL|selected new timeline/);
      } finally {
        repair();
      }
      await it.expectFollows(standby);
    });
  });
});
