import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ArchiveSession } from '../../../packages/core/src/hosts/archive-session.ts';
import { HostPool } from '../../../packages/core/src/hosts/host-pool.ts';
import { parseHostList } from '../../../packages/core/src/hosts/host-spec.ts';
import { parseArchiveFileName } from '../../../packages/core/src/wal/archive-file.ts';
import { fetchFile } from '../../../packages/restore_cmd/src/fetch/fetch-file.ts';
import { store } from '../archive/test-store.ts';
import { nameOf, segment } from '../archive/wal-segment.ts';
import { temporaryDirectory } from '../files/temporary-directory.ts';
import { ManualClock } from '../session/manual-clock.ts';
import { recordedLog } from '../session/recorded-log.ts';
import { connect, TestHost } from '../session/test-host.ts';

const name = nameOf(1);

/** What happens when a host is connected to: it refuses, is there at once, only when a second has passed, or never; or its disk is gone, or it is an older one. */
type Way = 'refuses' | 'at once' | 'late' | 'never' | 'no disk' | 'older';

/** A host that has the segment, or has only others. */
async function hostThat(has: boolean): Promise<TestHost> {
  const host = await TestHost.open({ rights: ['get'] });
  await store(host.store, await segment(has ? name : nameOf(0)));
  return host;
}

type Hosts = Record<'arch1' | 'arch2', { has: boolean; way: Way }>;

/** Asks two hosts as a standby does; the late one connects when everybody has waited for a second. */
async function ask(hosts: Hosts, isDecisive = false) {
  return (await asking(hosts, { isDecisive })).answer;
}

/** As `ask`; also what each host was asked, in the order in which it was. */
async function asking(hosts: Hosts, rules: { isDecisive: boolean; isLikelyAbsent?: boolean }) {
  const asked: string[] = [];
  const clock = new ManualClock();
  const { log } = recordedLog();
  let beThere: () => void = () => undefined;
  const late = new Promise<void>((resolve) => {
    beThere = resolve;
  });
  const sessionWith = async (text: 'arch1' | 'arch2'): Promise<ArchiveSession | undefined> => {
    const { has, way } = hosts[text];
    if (way === 'refuses') return undefined;
    const host = await hostThat(has);
    const { session } = await connect(host);
    if (way === 'no disk') rmSync(host.directory.walDirectory, { recursive: true });
    if (way === 'older') Object.defineProperty(session, 'hello', { value: { ...session.hello, looks: undefined } });
    const send = session.send.bind(session);
    session.send = (message) => {
      asked.push(`${text} ${message.type}`);
      send(message);
    };
    return session;
  };
  // Before the clock begins: "at once" must not mean "unless this machine is busy".
  const sessions = { arch1: await sessionWith('arch1'), arch2: await sessionWith('arch2') };
  const open = async ({ text }: { text: string }): Promise<ArchiveSession> => {
    const session = sessions[text as 'arch1' | 'arch2'];
    if (session === undefined) throw new Error('connection refused');
    const { way } = hosts[text as 'arch1' | 'arch2'];
    if (way === 'late' || way === 'never') await late;
    return session;
  };
  const policy = { retryCount: 3, cooldownMs: 60_000 };
  const pool = new HostPool({
    hosts: parseHostList('arch1 arch2'),
    policy,
    open,
    cooldown: new Map(),
    onCooldownChange: () => undefined,
    clock,
    log,
  });
  const file = parseArchiveFileName(name);
  const wanted = { file, path: join(temporaryDirectory(), name), systemIdentifier: undefined, ...rules };
  const fetching = fetchFile(pool, wanted, clock, log);
  const state = { isOver: false };
  const over = fetching.finally(() => {
    state.isOver = true;
  });
  // Time passes, until nobody waits any more, or the late one comes.
  const comes = Object.values(hosts).some(({ way }) => way === 'late');
  for (let step = 0; ; step += 1) {
    if (state.isOver || (comes && step === 10)) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
    clock.advance(100);
  }
  beThere();
  const { answer, fetched } = await over;
  await fetched?.part.close();
  return { answer, asked };
}

describe('a standby waits for a host that is slow to connect', () => {
  test('when the other one refuses', async () => {
    expect(await ask({ arch1: { has: true, way: 'late' }, arch2: { has: false, way: 'refuses' } })).toEqual({
      kind: 'delivered',
    });
  });

  test('but not when the other one says no: it asks again by itself', async () => {
    expect(await ask({ arch1: { has: true, way: 'never' }, arch2: { has: false, way: 'at once' } })).toMatchObject({
      kind: 'unknown',
      reason: expect.stringContaining('no session within'),
    });
  });
});

test('a recovery waits for a host that is slow to connect, whatever the other one says', async () => {
  for (const way of ['refuses', 'at once'] as const) {
    expect(await ask({ arch1: { has: true, way: 'late' }, arch2: { has: false, way } }, true)).toEqual({
      kind: 'delivered',
    });
  }
});

test('nobody waits for a slow host while the other one delivers', async () => {
  expect(await ask({ arch1: { has: false, way: 'never' }, arch2: { has: true, way: 'at once' } })).toEqual({
    kind: 'delivered',
  });
});

describe('a file that is likely absent', () => {
  const likely = { isDecisive: false, isLikelyAbsent: true };

  test('is asked for at the first host, and looked for at the other one meanwhile', async () => {
    const hosts: Hosts = { arch1: { has: false, way: 'at once' }, arch2: { has: false, way: 'at once' } };
    const { answer, asked } = await asking(hosts, likely);
    expect(answer).toEqual({ kind: 'absent' });
    expect(asked.toSorted()).toEqual(['arch1 get', 'arch2 look']);
  });

  test('is taken from the other one where it has it after all', async () => {
    const hosts: Hosts = { arch1: { has: false, way: 'at once' }, arch2: { has: true, way: 'at once' } };
    const { answer, asked } = await asking(hosts, likely);
    expect(answer).toEqual({ kind: 'delivered' });
    expect(asked.filter((each) => each.startsWith('arch2'))).toEqual(['arch2 look', 'arch2 get']);
  });

  test('is asked for at an older host as ever', async () => {
    const hosts: Hosts = { arch1: { has: false, way: 'at once' }, arch2: { has: false, way: 'older' } };
    expect(await asking(hosts, likely)).toEqual({ answer: { kind: 'absent' }, asked: ['arch1 get', 'arch2 get'] });
  });

  test('comes once where both have it after all', async () => {
    const hosts: Hosts = { arch1: { has: true, way: 'at once' }, arch2: { has: true, way: 'at once' } };
    const { answer, asked } = await asking(hosts, likely);
    expect(answer).toEqual({ kind: 'delivered' });
    expect(asked.filter((each) => each.endsWith('get'))).toEqual(['arch1 get']);
  });

  test('is not known to be absent where the other one cannot say so', async () => {
    for (const way of ['refuses', 'never', 'no disk'] as const) {
      const hosts: Hosts = { arch1: { has: false, way: 'at once' }, arch2: { has: false, way } };
      expect((await asking(hosts, likely)).answer).toMatchObject({ kind: 'unknown' });
    }
  });

  test('is asked for properly where a no may end a recovery', async () => {
    const hosts: Hosts = { arch1: { has: false, way: 'at once' }, arch2: { has: false, way: 'at once' } };
    const { asked } = await asking(hosts, { isDecisive: true, isLikelyAbsent: true });
    expect(asked).toEqual(['arch1 get', 'arch2 get']);
  });
});
