import { mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { AcceptedHoles } from '../../../packages/core/src/archive/accepted-holes.ts';
import { Debts } from '../../../packages/core/src/archive/debts.ts';
import { Tombstones } from '../../../packages/core/src/archive/tombstones.ts';
import { ArchiveSession } from '../../../packages/core/src/hosts/archive-session.ts';
import { digestCopy, settleDebts } from '../../../packages/core/src/hosts/ask.ts';
import { getFile } from '../../../packages/core/src/hosts/get.ts';
import { requestCatalog } from '../../../packages/core/src/hosts/request-catalog.ts';
import type { ServerMessage } from '../../../packages/core/src/protocol/messages.ts';
import type { ArchiveFileName, SegmentName } from '../../../packages/core/src/wal/archive-file.ts';
import { store } from '../archive/test-store.ts';
import { fingerprintOf, nameOf, plain, segment } from '../archive/wal-segment.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { ScriptedHost } from './scripted-host.ts';
import { connect, sessionOptions, TestHost } from './test-host.ts';

const name = (number: number) => nameOf(number) as SegmentName;

async function hostWith(...numbers: number[]): Promise<TestHost> {
  const host = await TestHost.open({ rights: ['sync'] });
  for (const number of numbers) await store(host.store, await segment(name(number)));
  return host;
}

const lost = { from: name(3), to: name(4), why: 'lost with db1', who: 'anna@arch1', atMs: 1_700_000_000_000 };

describe('a catalog', () => {
  test('has every archive file with its size, and nothing else', async () => {
    const host = await hostWith(1, 2);
    const history = plain('00000002.history', '1\t0/1\tx\n');
    await store(host.store, history);
    writeFileSync(host.directory.walFile(`.${name(9)}.0123456789abcdef.part`), 'half');
    writeFileSync(join(host.directory.walDirectory, 'README'), 'x');
    const { stored } = await requestCatalog((await connect(host)).session);
    const sizes = await Promise.all([1, 2].map(async (number) => (await segment(name(number))).stored.length));
    expect(stored).toEqual(
      new Map<string, number | undefined>([
        [name(1), sizes[0]],
        [name(2), sizes[1]],
        ['00000002.history', history.stored.length],
      ]),
    );
  });

  test('has what the host owes under every name of its peer, what it has removed, its backups, and accepted holes', async () => {
    const host = await hostWith(1, 2);
    for (const [peer, number] of [
      ['arch2', 1],
      ['old-name', 2],
    ] as const)
      await new Debts(host.directory, peer).record(name(number));
    await new Tombstones(host.directory).bury([name(0), name(1)], 0);
    await new AcceptedHoles(host.directory).add([lost], 0);
    mkdirSync(join(host.directory.path, 'data.master.1'));
    const label = [
      `START WAL LOCATION: 0/100028 (file ${name(1)})`,
      'CHECKPOINT LOCATION: 0/100060',
      'BACKUP METHOD: streamed',
      'START TIMELINE: 1',
      '',
    ];
    writeFileSync(join(host.directory.path, 'data.master.1/backup_label'), label.join('\n'));
    const catalog = await requestCatalog((await connect(host)).session);
    expect(catalog.owed).toEqual(new Set([name(1), name(2)]));
    expect(catalog.removed).toEqual(new Set([name(0), name(1)]));
    expect(catalog.backups).toEqual(new Set([name(1)]));
    expect(catalog.acceptedHoles).toEqual([lost]);
  });

  test('of an empty archive is empty, and that of a lost disk is none', async () => {
    const host = await TestHost.open({ rights: ['sync'] });
    const { session } = await connect(host);
    expect((await requestCatalog(session)).stored.size).toBe(0);
    rmSync(host.directory.walDirectory, { recursive: true });
    await failureFrom('not_initialized', requestCatalog(session));
  });

  test('is for the peer only', async () => {
    const host = await TestHost.open({ rights: ['put', 'get'] });
    const { session } = await connect(host);
    await failureFrom('not_allowed', requestCatalog(session));
    await failureFrom('not_allowed', digestCopy(session, name(1)));
    await failureFrom('not_allowed', settleDebts(session, [name(1)]));
  });
});

async function sessionThatAnswers(answer: (id: number, host: ScriptedHost) => void): Promise<ArchiveSession> {
  const walDirectory = '/storage/main/logs.complete';
  const host = new ScriptedHost(walDirectory, {
    on: (message, self) => {
      if ('id' in message) answer(message.id, self);
    },
  });
  const directory = { walDirectory } as TestHost['directory'];
  return await ArchiveSession.open(host.channel, sessionOptions({ directory }));
}

describe('a catalog that a host gets wrong is refused:', () => {
  const good = Buffer.from(`s ${name(1)} 5\n`);
  const fingerprint = fingerprintOf(good);
  const send = (...frames: [Record<string, unknown>, ...Buffer[]][]) =>
    sessionThatAnswers((id, host) => {
      for (const [message, ...body] of frames) host.send({ ...message, id } as ServerMessage, ...body);
    });

  test('(a good one is taken)', async () => {
    const session = await send([{ type: 'data' }, good], [{ type: 'end', sizeBytes: good.length, fingerprint }]);
    expect((await requestCatalog(session)).stored).toEqual(new Map([[name(1), 5]]));
  });

  test.each<[string, [Record<string, unknown>, ...Buffer[]][]]>([
    ['its end comes early', [[{ type: 'end', sizeBytes: good.length, fingerprint }]]],
    ['it has another digest', [[{ type: 'data' }, good], [{ type: 'end', sizeBytes: good.length, fingerprint: 'x' }]]],
    [
      'a frame ends within a line',
      [
        [{ type: 'data' }, good.subarray(0, 9)],
        [{ type: 'data' }, good.subarray(9)],
      ],
    ],
    ['it is something else', [[{ type: 'names', names: [] }]]],
    ['it names no archive file', [[{ type: 'data' }, Buffer.from('s ../x 1\n')]]],
  ])('%s', async (_what, frames) => {
    await failureFrom('protocol', requestCatalog(await send(...frames)));
  });

  test('the connection ends within it', async () => {
    const session = await sessionThatAnswers((id, host) => {
      host.send({ type: 'data', id }, good);
      setImmediate(() => host.vanish());
    });
    await failureFrom('host_unreachable', requestCatalog(session));
  });
});

describe('a host that reads its own copy', () => {
  test('says the digest of its content, or that it is damaged, absent, or cannot be read', async () => {
    const host = await hostWith(1, 2, 3);
    truncateSync(host.directory.walFile(name(2)), 1000);
    writeFileSync(host.directory.walFile(name(5)), Buffer.from('1f8b080000000000', 'hex'));
    symlinkSync('/etc/passwd', host.directory.walFile(name(6)));
    // The content of another segment decodes well.
    writeFileSync(host.directory.walFile(name(7)), readFileSync(host.directory.walFile(name(1))));
    const { session } = await connect(host);
    const whole = { state: 'whole', rawDigest: (await segment(name(1))).rawDigest };
    expect(await digestCopy(session, name(1))).toEqual(whole);
    expect(await digestCopy(session, name(2))).toMatchObject({ state: 'damaged' });
    expect(await digestCopy(session, name(4))).toEqual({ state: 'absent' });
    expect(await digestCopy(session, name(5))).toMatchObject({ state: 'unreadable' });
    expect(await digestCopy(session, name(6))).toMatchObject({ state: 'unreadable' });
    expect(await digestCopy(session, name(7))).toMatchObject({ state: 'damaged' });
  });

  test('does not believe the label in the file', async () => {
    const host = await hostWith(1);
    const path = host.directory.walFile(name(1));
    const stored = readFileSync(path);
    stored.fill(7, stored.length - 32);
    writeFileSync(path, stored);
    expect(await digestCopy((await connect(host)).session, name(1))).toMatchObject({ state: 'damaged' });
  });

  test('answers many requests at once, up to a bound', async () => {
    const host = await hostWith(1, 2);
    const { session } = await connect(host);
    const asked = Array.from({ length: 300 }, (_, index) => digestCopy(session, name(1 + (index % 2))));
    const results = await Promise.allSettled(asked);
    const answered = results.filter(({ status }) => status === 'fulfilled');
    expect(answered.length).toBeGreaterThanOrEqual(256);
    expect(answered.length).toBeLessThan(300);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'protocol' });
    }
    expect(await digestCopy(session, name(1))).toMatchObject({ state: 'whole' });
  });

  test.each(['../cluster.json', '', 'x'])('refuses the name %j', async (bad) => {
    await failureFrom('bad_name', digestCopy((await connect(await hostWith(1))).session, bad));
  });

  test.each([[{ state: 'whole' }], [{ state: 'whole', rawDigest: 'x' }], [{ state: 'fine' }], [{ state: '' }]])(
    'and says %j is not understood',
    async (answer) => {
      const session = await sessionThatAnswers((id, host) => host.send({ type: 'digested', id, ...answer }));
      await failureFrom('protocol', digestCopy(session, name(1)));
    },
  );
});

describe('debts', () => {
  test('that the peer says are paid are dropped, and no others', async () => {
    const host = await hostWith(1, 2, 3);
    const debts = new Debts(host.directory, 'arch2');
    for (const number of [1, 2]) await debts.record(name(number));
    const { session } = await connect(host);
    expect(await settleDebts(session, [name(1), name(3)])).toBe(1);
    expect((await debts.list()).map((file) => file.name)).toEqual([name(2)]);
    expect(host.store.directory.walFile(name(1))).toBeDefined();
  });

  test('with a name that is none are refused, and none is dropped', async () => {
    const host = await hostWith(1);
    const debts = new Debts(host.directory, 'arch2');
    await debts.record(name(1));
    await failureFrom('bad_name', settleDebts((await connect(host)).session, [name(1), '../../cluster.json']));
    expect(await debts.count()).toBe(1);
  });
});

describe('a segment that is missing although later WAL is there', () => {
  test('is absent, with who accepted it, once a person has', async () => {
    const host = await hostWith(1, 5);
    const { session } = await connect(host);
    expect(await getFile(session, { name: name(3) })).toEqual({ kind: 'absent', later: name(5) });
    await new AcceptedHoles(host.directory).add([lost], 0);
    const accepted = 'accepted by anna@arch1 on 2023-11-14: lost with db1';
    expect(await getFile(session, { name: name(3) })).toEqual({ kind: 'absent', accepted });
    expect(await getFile(session, { name: name(2) }), 'another hole').toEqual({ kind: 'absent', later: name(5) });
    expect(await getFile(session, { name: name(6) }), 'the end').toEqual({ kind: 'absent' });
  });

  test('is not known to be absent when the list of accepted holes cannot be read', async () => {
    const host = await hostWith(1, 5);
    const { session } = await connect(host);
    mkdirSync(host.directory.stateDirectory, { recursive: true });
    writeFileSync(host.directory.holesFile, '{');
    await failureFrom('damaged', getFile(session, { name: name(3) as ArchiveFileName }));
  });
});
