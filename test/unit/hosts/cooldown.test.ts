import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type CooldownPolicy,
  type CooldownState,
  hostsInOrder,
  recordFailure,
  recordSuccess,
} from '../../../packages/core/src/hosts/cooldown.ts';
import { loadCooldown, parseCooldown, saveCooldown } from '../../../packages/core/src/hosts/cooldown-file.ts';

const policy: CooldownPolicy = { retryCount: 3, cooldownMs: 60_000 };
const hosts = [{ text: 'h1' }, { text: 'h2' }];
const start = 1_760_000_000_000;
const yearMs = 365 * 86_400_000;

function failing(times: number, host = 'h1', state: CooldownState = new Map(), at = start): CooldownState {
  let next = state;
  for (let i = 0; i < times; i++) next = recordFailure(policy, next, host, at);
  return next;
}

const turns = (state: CooldownState, nowMs: number) =>
  hostsInOrder(policy, state, hosts, nowMs).map((turn) => `${turn.mode} ${turn.host.text}`);

describe('the order of the hosts', () => {
  test('without failures it is the order given', () => {
    expect(turns(new Map(), start)).toEqual(['try h1', 'try h2']);
  });

  test('fewer failures than retry_count change nothing', () => {
    expect(turns(failing(2), start)).toEqual(['try h1', 'try h2']);
  });

  test('after retry_count failures in a row the host is last and only probed', () => {
    expect(turns(failing(3), start)).toEqual(['try h2', 'probe h1']);
    expect(turns(failing(3), start + 59_999)).toEqual(['try h2', 'probe h1']);
  });

  test('with both in cooldown the preferred host is probed first', () => {
    expect(turns(failing(3, 'h2', failing(3)), start)).toEqual(['probe h1', 'probe h2']);
  });

  test('a success gives the preferred host its place back', () => {
    expect(turns(recordSuccess(failing(3), 'h1'), start)).toEqual(['try h1', 'try h2']);
  });

  test('a success between failures starts the count again', () => {
    expect(turns(failing(2, 'h1', recordSuccess(failing(2), 'h1')), start)).toEqual(['try h1', 'try h2']);
  });

  test('after cooldown_time the host is tried again, and one more failure begins the next cooldown', () => {
    const later = start + 60_000;
    expect(turns(failing(3), later)).toEqual(['try h1', 'try h2']);
    expect(turns(failing(1, 'h1', failing(3), later), later)).toEqual(['try h2', 'probe h1']);
  });

  test('failed probes do not prolong a cooldown', () => {
    const probed = failing(5, 'h1', failing(3), start + 59_000);
    expect(turns(probed, start + 60_000)).toEqual(['try h1', 'try h2']);
  });

  test('retry_count 0 means the first failure', () => {
    const eager = { retryCount: 0, cooldownMs: 1000 };
    const state = recordFailure(eager, new Map(), 'h1', start);
    expect(hostsInOrder(eager, state, hosts, start)[1]).toEqual({ host: hosts[0], mode: 'probe' });
  });

  test.each([
    ['ten years ahead', 10 * yearMs],
    ['a day back', -86_400_000],
    ['one millisecond back', -1],
  ])('a clock set %s ends the cooldown', (_title, jumpMs) => {
    expect(turns(failing(3), start + jumpMs)).toEqual(['try h1', 'try h2']);
  });

  test('whatever the clock did, no host is left out and a cooldown lasts at most cooldown_time', () => {
    const time = fc.integer({ min: start - 10 * yearMs, max: start + 10 * yearMs });
    fc.assert(
      fc.property(fc.array(time, { maxLength: 8 }), time, (failures, otherMs) => {
        let state: CooldownState = new Map();
        for (const at of failures) state = recordFailure(policy, state, 'h1', at);
        for (const nowMs of [otherMs, failures.at(-1) ?? otherMs]) {
          expect(hostsInOrder(policy, state, hosts, nowMs)).toHaveLength(2);
          const isCooling = turns(state, nowMs).includes('probe h1');
          if (isCooling) expect(turns(state, nowMs + policy.cooldownMs)).toEqual(['try h1', 'try h2']);
        }
      }),
    );
  });
});

describe('cooldown.json', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cooldown-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  test('what is saved is loaded, the file is 0600 and nothing else is left', async () => {
    const state = failing(3, 'pg@h2:22', failing(2));
    await saveCooldown(directory, state);
    await saveCooldown(directory, state);
    expect(await loadCooldown(directory)).toEqual(state);
    expect(statSync(join(directory, 'cooldown.json')).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(['cooldown.json']);
  });

  test('a missing file is an empty state', async () => {
    expect(await loadCooldown(directory)).toEqual(new Map());
  });

  test.each(['', '{', 'null', '[]', '{"version":2,"hosts":{}}', '{"version":1,"hosts":[1]}', '\u0000\u0000'])(
    'the damaged content %j is an empty state',
    async (text) => {
      writeFileSync(join(directory, 'cooldown.json'), text);
      expect(await loadCooldown(directory)).toEqual(new Map());
    },
  );

  test('of a file with damaged records the good ones are kept', () => {
    const text = '{"version":1,"hosts":{"a":{"failures":-1,"failedAtMs":0},"b":{"failures":2,"failedAtMs":5},"c":7}}';
    expect(parseCooldown(text)).toEqual(new Map([['b', { failures: 2, failedAtMs: 5 }]]));
  });

  test('a directory that cannot be written is an error, and leaves no part behind', async () => {
    await expect(saveCooldown(join(directory, 'missing'), new Map())).rejects.toThrow(/ENOENT/);
  });
});
