import type { Clock } from '@archive2/core/base/clock.ts';
import { silentLog } from '@archive2/core/base/log.ts';
import type { CooldownState } from '@archive2/core/hosts/cooldown.ts';
import { HostPool } from '@archive2/core/hosts/host-pool.ts';
import { type HostSpec, parseHostList } from '@archive2/core/hosts/host-spec.ts';
import { describe, expect, test } from 'vitest';

/** A pool that nobody connects, its failures told by hand, and what its watcher hears. */
class WatchedPool {
  nowMs = 1_000_000;
  readonly heard: string[] = [];
  readonly pool: HostPool;
  readonly host: HostSpec;
  state: CooldownState;

  constructor(cooldown: CooldownState = new Map()) {
    const [host] = parseHostList('arch1');
    if (host === undefined) throw new Error('no host');
    this.host = host;
    this.state = cooldown;
    const clock: Clock = { nowMs: () => this.nowMs, monotonicMs: () => this.nowMs, sleep: async () => undefined };
    this.pool = new HostPool({
      hosts: [host],
      policy: { retryCount: 3, cooldownMs: 60_000 },
      open: () => Promise.reject(new Error('not here')),
      cooldown,
      onCooldownChange: (state) => {
        this.state = state;
      },
      watcher: {
        hostFailed: (_host, { isFirst, beginsCooldown, coolingUntilMs }) => {
          const words = [isFirst ? 'first' : '', beginsCooldown ? 'cooldown' : ''].join(' ').trim();
          this.heard.push(`failed ${words} ${coolingUntilMs === undefined ? '' : coolingUntilMs - 1_000_000}`.trim());
        },
        hostWorks: (_host, { wasCooling, forMs }) => this.heard.push(`works ${wasCooling} ${forMs}`),
      },
      clock,
      log: silentLog,
    });
  }

  /** Fails, or succeeds, so much later. */
  fail(laterMs = 1000): this {
    this.nowMs += laterMs;
    this.pool.failed(this.host, 'refused');
    return this;
  }

  succeed(laterMs = 1000): this {
    this.nowMs += laterMs;
    this.pool.succeeded(this.host);
    return this;
  }
}

describe('a watcher of hosts', () => {
  test('hears of the first failure, of the cooldown, and of the end of both, once', () => {
    const watched = new WatchedPool().fail().fail().fail().fail().succeed().succeed();
    expect(watched.heard).toEqual([
      'failed first',
      'failed',
      'failed cooldown 63000',
      'failed  63000',
      'works true 4000',
    ]);
  });

  test('a night without the host is one cooldown, however often it is tried again', () => {
    const watched = new WatchedPool();
    for (let minute = 0; minute < 600; minute++) watched.fail(61_000);
    watched.succeed();
    expect(watched.heard.filter((each) => each.includes('cooldown'))).toHaveLength(1);
    expect(watched.heard.filter((each) => each.includes('first'))).toHaveLength(1);
    expect(watched.heard.at(-1)).toBe(`works true ${599 * 61_000 + 1000}`);
  });

  test('one failure that passes is no cooldown', () => {
    expect(new WatchedPool().fail().succeed().heard).toEqual(['failed first', 'works false 1000']);
  });

  test('what another agent met before is not news again', () => {
    const before = new WatchedPool().fail().fail().fail();
    const after = new WatchedPool(before.state);
    after.nowMs = before.nowMs;
    after.fail().succeed();
    expect(after.heard).toEqual(['failed  63000', 'works true 2000']);
  });
});
