import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ArchiveSession } from '../../../packages/core/src/hosts/archive-session.ts';
import { hasFile } from '../../../packages/core/src/hosts/ask.ts';
import { type ArrivingFile, getFile } from '../../../packages/core/src/hosts/get.ts';
import { store } from '../archive/test-store.ts';
import { fingerprintOf, mib, nameOf, ourSystem, plain, segment, sha256 } from '../archive/wal-segment.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { ScriptedHost } from './scripted-host.ts';
import { connect, sessionOptions, TestHost } from './test-host.ts';

const rights = ['get'] as const;

async function hostWith(...numbers: number[]): Promise<TestHost> {
  const host = await TestHost.open({ rights: [...rights] });
  for (const number of numbers) await store(host.store, await segment(nameOf(number)));
  return host;
}

async function received(arriving: unknown): Promise<Buffer> {
  const pieces: Buffer[] = [];
  // Each is good until the next one is asked for.
  for await (const piece of (arriving as ArrivingFile).chunks) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

describe('a file that the archive has', () => {
  test('comes as it is stored, with the time of its source', async () => {
    const host = await hostWith(1);
    const { session } = await connect(host);
    const arriving = await getFile(session, { name: nameOf(1), systemIdentifier: String(ourSystem) });
    expect(arriving).toMatchObject({ kind: 'found', modifiedMs: 1_700_000_000_000 });
    expect((await received(arriving)).equals((await segment(nameOf(1))).stored)).toBe(true);
  });

  test('comes whole beside others at the same time', async () => {
    const host = await hostWith(1, 2, 3);
    const { session } = await connect(host);
    const contents = await Promise.all(
      [1, 2, 3, 2].map(async (number) => received(await getFile(session, { name: nameOf(number) }))),
    );
    const expected = await Promise.all([1, 2, 3, 2].map(async (number) => (await segment(nameOf(number))).stored));
    expect(contents.map(sha256)).toEqual(expected.map(sha256));
  });

  test('comes whole however large it is and however slowly it is read', async () => {
    const host = await TestHost.open({ rights: [...rights] });
    const form = await segment(nameOf(1), { segmentSize: 8 * mib, pageAddress: 8n * BigInt(mib) });
    await store(host.store, form);
    const { session } = await connect(host);
    const arriving = await getFile(session, { name: nameOf(1) });
    const pieces: Buffer[] = [];
    for await (const piece of (arriving as ArrivingFile).chunks) {
      pieces.push(Buffer.from(piece));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(fingerprintOf(Buffer.concat(pieces))).toBe(form.summary.fingerprint);
  });

  test('is given back to the session piece by piece, each when the next one is asked for', async () => {
    const host = await TestHost.open({ rights: [...rights] });
    const form = await segment(nameOf(1), { segmentSize: 8 * mib, pageAddress: 8n * BigInt(mib) });
    await store(host.store, form);
    const { session } = await connect(host);
    const read: Buffer[] = [];
    const given: Buffer[] = [];
    session.giveBack = (body) => given.push(body);
    for await (const chunk of ((await getFile(session, { name: nameOf(1) })) as ArrivingFile).chunks) {
      expect(given.length).toBe(read.length);
      read.push(chunk);
    }
    expect(given.length).toBeGreaterThan(8);
    expect(given.every((body, index) => body === read[index])).toBe(true);
  });

  test('is not sent to a server of another cluster', async () => {
    const host = await hostWith(1);
    const { session } = await connect(host);
    await failureFrom('wrong_cluster', getFile(session, { name: nameOf(1), systemIdentifier: '1' }));
  });

  test('is not followed through a link', async () => {
    const host = await hostWith(1);
    symlinkSync('/etc/passwd', host.directory.walFile(nameOf(2)));
    await failureFrom('disk_error', getFile((await connect(host)).session, { name: nameOf(2) }));
  });
});

describe('a file that the archive lacks', () => {
  test('is absent, with a later segment of the same timeline where there is one', async () => {
    const host = await hostWith(1, 5, 9);
    await store(host.store, plain('00000002.history', '1\t0/1\tx\n'));
    await store(host.store, await segment(nameOf(3, 2)));
    const { session } = await connect(host);
    const answers: [string, string | undefined][] = [
      [nameOf(3), nameOf(5)],
      [nameOf(6), nameOf(9)],
      [nameOf(10), undefined],
      [nameOf(2, 2), nameOf(3, 2)],
      [nameOf(4, 2), undefined],
      ['00000003.history', undefined],
    ];
    for (const [name, later] of answers) {
      const expected = later === undefined ? { kind: 'absent' } : { kind: 'absent', later };
      expect(await getFile(session, { name }), name).toEqual(expected);
    }
  });

  test('is a history file that is missing, where WAL of its timeline is there', async () => {
    const host = await hostWith(1);
    await store(host.store, await segment(nameOf(3, 2)));
    const answer = await getFile((await connect(host)).session, { name: '00000002.history' });
    expect(answer).toEqual({ kind: 'absent', later: nameOf(3, 2) });
  });

  test('is no part of somebody’s transfer', async () => {
    const host = await hostWith(1);
    writeFileSync(host.directory.walFile(`.${nameOf(2)}.0123456789abcdef.part`), 'half');
    expect(await getFile((await connect(host)).session, { name: nameOf(2) })).toEqual({ kind: 'absent' });
  });

  test('is not said to be absent by an archive that does not know whose it is', async () => {
    const host = await hostWith();
    await failureFrom('not_initialized', getFile((await connect(host)).session, { name: nameOf(1) }));
  });

  test('is not said to be absent when the disk is gone', async () => {
    const host = await hostWith(1);
    const { session } = await connect(host);
    rmSync(host.directory.walDirectory, { recursive: true });
    await failureFrom('not_initialized', getFile(session, { name: nameOf(1) }));
  });
});

describe('a look', () => {
  test('tells what is there from what is not, and has nothing of it sent', async () => {
    const { session, channel } = await connect(await hostWith(1, 5));
    let sentBytes = 0;
    channel.stream.on('data', (chunk: Buffer) => {
      sentBytes += chunk.length;
    });
    expect(await hasFile(session, { name: nameOf(1), systemIdentifier: String(ourSystem) })).toBe(true);
    // The later one is nobody's concern: a no ends nothing.
    expect(await hasFile(session, { name: nameOf(3) })).toBe(false);
    // What had been sent after that answer would be here before the next.
    expect(sentBytes).toBeLessThan(200);
    await received(await getFile(session, { name: nameOf(5) }));
    expect(sentBytes).toBeGreaterThan(200);
  });

  test('is refused where a file would be, and says no only where that may be said', async () => {
    const host = await hostWith(1);
    const { session } = await connect(host);
    await failureFrom('bad_name', hasFile(session, { name: '../cluster.json' }));
    await failureFrom('wrong_cluster', hasFile(session, { name: nameOf(1), systemIdentifier: '1' }));
    symlinkSync('/etc/passwd', host.directory.walFile(nameOf(2)));
    await failureFrom('disk_error', hasFile(session, { name: nameOf(2) }));
    rmSync(host.directory.walDirectory, { recursive: true });
    await failureFrom('not_initialized', hasFile(session, { name: nameOf(1) }));
    const putOnly = await connect(await TestHost.open({ rights: ['put'] }));
    await failureFrom('not_allowed', hasFile(putOnly.session, { name: nameOf(1) }));
  });
});

test.each(['../cluster.json', '/etc/passwd', '', 'x', 'RECOVERYXLOG'])('the name %j is refused', async (name) => {
  await failureFrom('bad_name', getFile((await connect(await hostWith(1))).session, { name }));
});

describe('what arrives', () => {
  const walDirectory = '/storage/main/logs.complete';

  async function sessionThatSends(send: (host: ScriptedHost, id: number) => void): Promise<ArchiveSession> {
    const host = new ScriptedHost(walDirectory, {
      on: (message, self) => {
        if (message.type !== 'get') return;
        self.send({ type: 'found', id: message.id, modifiedMs: 0 });
        self.send({ type: 'data', id: message.id }, Buffer.from('content'));
        send(self, message.id);
      },
    });
    return await ArchiveSession.open(
      host.channel,
      sessionOptions({ directory: { walDirectory } as TestHost['directory'] }),
    );
  }

  test.each([
    ['another digest', { sizeBytes: 7, fingerprint: fingerprintOf(Buffer.from('other')) }],
    ['another size', { sizeBytes: 8, fingerprint: fingerprintOf(Buffer.from('content')) }],
  ])('with %s than the host says is damaged, and never ends as if it were whole', async (_what, end) => {
    const session = await sessionThatSends((host, id) => host.send({ type: 'end', id, ...end }));
    await failureFrom('damaged', received(await getFile(session, { name: nameOf(1) })));
  });

  test('until the host fails is not whole', async () => {
    const session = await sessionThatSends((host, id) =>
      host.send({ type: 'error', id, code: 'disk_error', message: 'EIO' }),
    );
    await failureFrom('disk_error', received(await getFile(session, { name: nameOf(1) })));
  });

  test('until the connection ends is not whole', async () => {
    const session = await sessionThatSends((host) => setImmediate(() => host.vanish()));
    await failureFrom('host_unreachable', received(await getFile(session, { name: nameOf(1) })));
  });

  test('is whole with the size and digest that the host says', async () => {
    const end = { sizeBytes: 7, fingerprint: fingerprintOf(Buffer.from('content')) };
    const session = await sessionThatSends((host, id) => host.send({ type: 'end', id, ...end }));
    expect((await received(await getFile(session, { name: nameOf(1) }))).toString()).toBe('content');
  });
});
