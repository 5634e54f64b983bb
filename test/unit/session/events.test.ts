import { appendFileSync, existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { archiveEvents, recordEvent, tellEvent } from '../../../packages/core/src/archive/events.ts';
import { systemClock } from '../../../packages/core/src/base/clock.ts';
import { silentLog } from '../../../packages/core/src/base/log.ts';
import { appendLines } from '../../../packages/core/src/files/event-file.ts';
import { formatEvent, type RecordedEvent } from '../../../packages/core/src/files/event-text.ts';
import { reportDamaged } from '../../../packages/core/src/hosts/ask.ts';
import { putFile } from '../../../packages/core/src/hosts/put.ts';
import { requestEvents } from '../../../packages/core/src/hosts/request-events.ts';
import type { Right } from '../../../packages/core/src/protocol/messages.ts';
import { store } from '../archive/test-store.ts';
import { nameOf, plain, segment } from '../archive/wal-segment.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { bodyOf, connect, headerOf, TestHost } from './test-host.ts';

const eventAt = (n: number, facts: RecordedEvent['facts'] = {}): RecordedEvent => {
  return {
    atMs: 1_760_000_000_000 + n,
    event: 'conflict',
    severity: 'error',
    cluster: 'main',
    on: 'a1',
    facts: { n, ...facts },
  };
};

async function hostWithEvents(rights: Right[], count: number, padding = ''): Promise<TestHost> {
  const host = await TestHost.open({ rights });
  await host.store.storeId();
  const lines = Array.from({ length: count }, (_, n) => formatEvent(eventAt(n, { padding })));
  await appendLines(host.directory.eventsFile, lines.join(''), { durable: false });
  return host;
}

describe('the events of a host', () => {
  test.each<Right>(['get', 'sync', 'status'])(
    'are told for the right %s, the newest, the oldest first',
    async (right) => {
      const host = await hostWithEvents([right], 50);
      const told = await requestEvents((await connect(host)).session, { newest: 3 });
      expect(told).toEqual([47, 48, 49].map((n) => eventAt(n, { padding: '' })));
    },
  );

  test('are not told to a key that only puts', async () => {
    const { session } = await connect(await hostWithEvents(['put'], 1));
    await failureFrom('not_allowed', requestEvents(session, { newest: 10 }));
  });

  test('since when, is obeyed; none is an answer, too', async () => {
    const host = await hostWithEvents(['status'], 50);
    const { session } = await connect(host);
    const told = await requestEvents(session, { newest: 1000, sinceMs: 1_760_000_000_045 });
    expect(told.map(({ facts }) => facts['n'])).toEqual([45, 46, 47, 48, 49]);
    expect(await requestEvents(session, { newest: 0 })).toEqual([]);
    expect(
      await requestEvents((await connect(await TestHost.open({ rights: ['get'] }))).session, { newest: 9 }),
    ).toEqual([]);
  });

  test('come in many frames, no more than 10,000, and what is no event is left out', async () => {
    const host = await hostWithEvents(['status'], 10_500, 'x'.repeat(150));
    appendFileSync(host.directory.eventsFile, 'somebody wrote here\n{"v":7}\n');
    const told = await requestEvents((await connect(host)).session, { newest: 1_000_000 });
    expect(told.length).toBe(10_000);
    expect(told.at(-1)?.facts['n']).toBe(10_499);
  });
});

describe('what happens in a session', () => {
  test('a conflict is told once, however often the sender comes again', async () => {
    const host = await TestHost.open();
    await store(host.store, await segment(nameOf(1)));
    const other = await segment(nameOf(1), { seed: 2 });
    for (let call = 0; call < 3; call++) {
      const { session } = await connect(host);
      await failureFrom('conflict', putFile(session, headerOf(other), bodyOf(other)));
    }
    expect(host.told.filter(({ event }) => event === 'conflict')).toMatchObject([{ name: nameOf(1) }]);
  });

  test('a refusal is told once a session and reason', async () => {
    const host = await TestHost.open();
    const { session } = await connect(host);
    for (const name of ['../../x', '/etc/passwd', '\u001b[2J']) {
      const header = { name, modifiedMs: 0, forwarded: false };
      await failureFrom('bad_name', putFile(session, header, bodyOf(plain(nameOf(1), 'x'))));
    }
    const bad = plain(nameOf(1), 'not a segment'.repeat(2000));
    await failureFrom('bad_page_header', putFile(session, headerOf(bad), bodyOf(bad)));
    expect(host.told.map(({ event, code }) => [event, code])).toEqual([
      ['request-refused', 'bad_name'],
      ['request-refused', 'bad_page_header'],
    ]);
  });

  test('the first history file of a timeline and the first segment of a cluster are told; the same again is not', async () => {
    const host = await TestHost.open();
    const files = [await segment(nameOf(1)), plain('00000002.history', '1\t0/300000\tno recovery target specified\n')];
    for (let call = 0; call < 2; call++) {
      const { session } = await connect(host);
      for (const file of files) await putFile(session, headerOf(file), bodyOf(file));
    }
    expect(host.told.map(({ event }) => event)).toEqual(['identity-made', 'timeline-began']);
  });

  test('a copy that a reader reports is told when it is damaged, not when it is whole', async () => {
    const host = await TestHost.open();
    for (const number of [1, 2]) await store(host.store, await segment(nameOf(number)));
    const { session } = await connect(host);
    expect(await reportDamaged(session, nameOf(1))).toBe('whole');
    appendFileSync(host.directory.walFile(nameOf(2)), 'more');
    expect(await reportDamaged(session, nameOf(2))).toBe('damaged');
    expect(host.told.filter(({ event }) => event === 'copy-damaged')).toMatchObject([{ name: nameOf(2) }]);
  });

  test('an archive whose state directory is not there is not made one by an event', async () => {
    const host = await TestHost.open();
    const events = archiveEvents(host.directory, 'main', { clock: systemClock, log: silentLog });
    events.note({ event: 'conflict' });
    await events.settled();
    const event = { event: 'sync' as const };
    await tellEvent(host.directory, event, { clock: systemClock, log: silentLog });
    expect(existsSync(host.directory.stateDirectory)).toBe(false);
    await recordEvent(host.directory, event, systemClock.nowMs());
    expect(existsSync(host.directory.eventsFile)).toBe(true);
  });
});
