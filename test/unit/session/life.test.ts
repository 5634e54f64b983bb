import { readdirSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { ServeSession } from '../../../packages/archive_remote_cmd/src/serve/serve-session.ts';
import type { Failure } from '../../../packages/core/src/base/failure.ts';
import { ArchiveSession } from '../../../packages/core/src/hosts/archive-session.ts';
import { listNewestNames, probeHost } from '../../../packages/core/src/hosts/ask.ts';
import { getFile } from '../../../packages/core/src/hosts/get.ts';
import { putFile } from '../../../packages/core/src/hosts/put.ts';
import { encodeFrame } from '../../../packages/core/src/protocol/frame.ts';
import { preamble, type Right } from '../../../packages/core/src/protocol/messages.ts';
import { waitFor } from '../../support/wait-for.ts';
import { clusterDirectory, store } from '../archive/test-store.ts';
import { nameOf, segment } from '../archive/wal-segment.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { ManualClock } from './manual-clock.ts';
import { recordedLog } from './recorded-log.ts';
import { type Script, ScriptedHost } from './scripted-host.ts';
import { bodyOf, connect, headerOf, sessionOptions, TestHost } from './test-host.ts';

const directory = { directory: { walDirectory: '/storage/main/logs.complete' } as TestHost['directory'] };

function open(host: ScriptedHost, options: Parameters<typeof sessionOptions>[1] = {}): Promise<ArchiveSession> {
  return ArchiveSession.open(host.channel, sessionOptions(directory, options));
}

function scripted(script: Script = {}): ScriptedHost {
  return new ScriptedHost(directory.directory.walDirectory, script);
}

describe('hello', () => {
  test('tells what the host serves, and whose archive it is once there is a first segment', async () => {
    const host = await TestHost.open({ rights: ['put', 'get'] });
    expect((await connect(host)).session.hello).toMatchObject({
      version: 1,
      cluster: 'main',
      walDirectory: host.directory.walDirectory,
      rights: ['put', 'get'],
    });
    await store(host.store, await segment(nameOf(1)));
    expect((await connect(host)).session.hello).toMatchObject({
      storeId: await host.store.storeId(),
      systemIdentifier: '7710547627397989049',
      segmentSizeBytes: 2 ** 20,
      postgresMajor: 15,
    });
  });

  test.each([
    ['wrong_directory', { walDirectory: '/storage/other/logs.complete' }],
    ['wrong_cluster', { cluster: 'other' }],
  ] as const)('that does not fit ends in %s on this side, and ends the host’s', async (code, asked) => {
    const host = await TestHost.open();
    const channel = host.serve();
    const failure = await failureFrom(code, ArchiveSession.open(channel, sessionOptions(host, asked)));
    expect(failure.details['host']).toBe('arch1');
    await failureFrom('protocol', channel.served);
    expect(readdirSync(host.directory.path)).toEqual(['logs.complete']);
  });

  test('of another version is refused, and says what to install', async () => {
    const failure = await failureFrom('protocol', open(scripted({ hello: { version: 2 } })));
    expect(failure.hint).toContain('same release');
  });

  test('that never comes is given up in time, and the channel is closed', async () => {
    const stream = new PassThrough().pause();
    const channel = { stream, host: 'arch1', close: () => stream.destroy() };
    const options = sessionOptions(directory, { helloTimeoutMs: 20 });
    // What is written comes back unread: the program on the other side is not ours.
    stream.read = () => null;
    await failureFrom('host_stalled', ArchiveSession.open(channel, options));
    expect(stream.destroyed).toBe(true);
  });

  test('may come after what a login shell prints', async () => {
    const host = await TestHost.open();
    const channel = host.serve();
    const { log, lines } = recordedLog();
    channel.stream.unshift(Buffer.from('Welcome!\n'));
    const session = await ArchiveSession.open(channel, sessionOptions(host, { log }));
    expect(session.isOpen).toBe(true);
    expect(lines.join('\n')).toContain('Welcome!');
  });

  test('is the first thing that a host is told, or the session ends', async () => {
    const host = await TestHost.open();
    const channel = host.serve();
    for (const bytes of encodeFrame({ type: 'get', id: 1, name: nameOf(1) })) channel.stream.write(bytes);
    await failureFrom('protocol', channel.served);
  });

  test('is told once', async () => {
    const host = await TestHost.open();
    const { channel } = await connect(host);
    const hello = { type: 'hello', version: 1, program: 'x', cluster: 'main', walDirectory: '/x' };
    for (const bytes of encodeFrame(hello)) channel.stream.write(bytes);
    await failureFrom('protocol', channel.served);
  });

  test('of a host that refuses at once is that refusal', async () => {
    const far = new PassThrough();
    far.write(preamble);
    for (const bytes of encodeFrame({ type: 'error', code: 'not_initialized', message: 'no disk', hint: 'mount it' })) {
      far.write(bytes);
    }
    const channel = { stream: far, host: 'arch1', close: () => far.destroy() };
    const failure = await failureFrom('not_initialized', ArchiveSession.open(channel, sessionOptions(directory)));
    expect([failure.message, failure.hint]).toEqual(['no disk', 'mount it']);
  });
});

describe('garbage', () => {
  test('from the host ends every conversation with Failure protocol', async () => {
    const host = scripted();
    const session = await open(host);
    const answers = [getFile(session, { name: nameOf(1) }), getFile(session, { name: nameOf(2) })];
    host.sendRaw(Buffer.alloc(64, 0xff));
    for (const answer of answers) await failureFrom('protocol', answer);
    expect((await session.closed).code).toBe('protocol');
    expect(session.isOpen).toBe(false);
  });

  test('from the client ends the session, and the client is told', async () => {
    const host = await TestHost.open();
    const { session, channel } = await connect(host);
    channel.stream.write(Buffer.alloc(64, 0xff));
    await failureFrom('protocol', channel.served);
    expect((await session.closed).code).toBe('protocol');
  });

  test('in an answer to one request is that request’s failure', async () => {
    const session = await open(
      scripted({ on: (message, host) => 'id' in message && host.send({ type: 'names', id: message.id, names: [] }) }),
    );
    await failureFrom('protocol', getFile(session, { name: nameOf(1) }));
    const form = await segment(nameOf(1));
    await failureFrom('protocol', putFile(session, headerOf(form), bodyOf(form)));
    expect(session.isOpen).toBe(true);
  });

  test('about requests that nobody made is left out', async () => {
    const host = scripted({
      on: (message, host) => {
        host.send({ type: 'absent', id: 4711 });
        host.send({ type: 'error', id: 4712, code: 'conflict', message: 'x' });
        if ('id' in message) host.send({ type: 'absent', id: message.id });
      },
    });
    expect(await getFile(await open(host), { name: nameOf(1) })).toEqual({ kind: 'absent' });
  });
});

describe('a host that says nothing while it owes an answer', () => {
  /** The watchdog looks again and again; after two looks it has seen the time that is set now. */
  async function twoLooks(clock: ManualClock): Promise<void> {
    const before = clock.looks;
    await waitFor(() => clock.looks >= before + 2, { what: 'the watchdog to look', intervalMs: 2 });
  }

  test('has stalled after the timeout, and every conversation ends', async () => {
    const clock = new ManualClock();
    const session = await open(scripted(), { clock, stallTimeoutMs: 40 });
    const form = await segment(nameOf(1));
    const asked = [
      getFile(session, { name: nameOf(1) }),
      putFile(session, headerOf(form), bodyOf(form)),
      listNewestNames(session, 1),
    ];
    const settled = Promise.allSettled(asked);
    clock.advance(39);
    await twoLooks(clock);
    expect(session.isOpen).toBe(true);
    clock.advance(1);
    for (const result of await settled) {
      expect(result.status === 'rejected' && (result.reason as Failure).code).toBe('host_stalled');
    }
    expect((await session.closed).code).toBe('host_stalled');
  });

  test('has not stalled while it reports progress', async () => {
    const clock = new ManualClock();
    const host = scripted();
    const session = await open(host, { clock, stallTimeoutMs: 40 });
    const answer = getFile(session, { name: nameOf(1) });
    for (let bytes = 1; bytes <= 5; bytes++) {
      clock.advance(39);
      await twoLooks(clock);
      const looked = clock.looks;
      host.send({ type: 'progress', receivedBytes: bytes });
      // A piece that is heard is one more look at the clock.
      await waitFor(() => clock.looks > looked + 1, { what: 'progress to be heard', intervalMs: 2 });
    }
    host.send({ type: 'absent', id: 1 });
    expect(await answer).toEqual({ kind: 'absent' });
  });

  test('has not stalled when nothing was asked, however long', async () => {
    const clock = new ManualClock();
    const host = scripted({ on: (message, self) => 'id' in message && self.send({ type: 'absent', id: message.id }) });
    const session = await open(host, { clock, stallTimeoutMs: 40 });
    clock.advance(1_000_000);
    expect(await getFile(session, { name: nameOf(1) })).toEqual({ kind: 'absent' });
    expect(session.isOpen).toBe(true);
  });

  test('has not stalled while it is we who do not read', async () => {
    const clock = new ManualClock();
    const host = scripted();
    const session = await open(host, { clock, stallTimeoutMs: 40 });
    const asked = getFile(session, { name: nameOf(1) });
    host.send({ type: 'found', id: 1, modifiedMs: 0 });
    const arriving = await asked;
    if (arriving.kind !== 'found') throw new Error(arriving.kind);
    // More than is buffered, so that nothing further is read from the connection.
    for (let count = 0; count < 12; count++) host.send({ type: 'data', id: 1 }, Buffer.alloc(512 * 1024));
    let pendingBytes = 0;
    const isStuck = (): boolean => {
      const before = pendingBytes;
      pendingBytes = host.pendingBytes;
      return pendingBytes > 0 && pendingBytes === before;
    };
    await waitFor(isStuck, { what: 'nothing more to be read' });
    clock.advance(1000);
    await twoLooks(clock);
    expect(session.isOpen).toBe(true);
    let receivedBytes = 0;
    host.send({ type: 'end', id: 1, sizeBytes: 1, fingerprint: 'x' });
    await failureFrom('damaged', async () => {
      for await (const piece of arriving.chunks) receivedBytes += piece.length;
    });
    expect(session.isOpen).toBe(true);
  });
});

describe('a host', () => {
  test('tells its progress every second while something moves, and nothing otherwise', async () => {
    const host = await TestHost.open();
    const output = new PassThrough();
    const input = new PassThrough();
    const served = new ServeSession(host.context(), output).run(input);
    const received: Buffer[] = [];
    output.on('data', (piece: Buffer) => received.push(piece));
    const walDirectory = host.directory.walDirectory;
    const hello = { type: 'hello', version: 1, program: 'x', cluster: 'main', walDirectory };
    for (const bytes of encodeFrame(hello)) input.write(bytes);
    await waitFor(() => Buffer.concat(received).includes('"progress"'), { what: 'progress', timeoutMs: 5000 });
    const count = () => Buffer.concat(received).toString('latin1').split('"progress"').length - 1;
    expect(count()).toBe(1);
    host.store.options.activity.note();
    await waitFor(() => count() === 2, { what: 'more progress', timeoutMs: 5000 });
    input.end();
    await served;
  });

  test('whose disk is slow says hello before it tells of progress', async () => {
    const host = await TestHost.open();
    const storeId = host.store.storeId.bind(host.store);
    // Longer than it takes to tell of progress.
    host.store.storeId = async () => {
      await new Promise((resolve) => setTimeout(resolve, 1300));
      return await storeId();
    };
    expect((await connect(host)).session.hello.cluster).toBe('main');
  });

  test.each<[Right[], string[]]>([
    [['put'], ['get', 'list', 'forwarded put']],
    [['get'], ['put', 'list', 'forwarded put']],
    [['sync'], ['put']],
  ])('whose key has the rights %j refuses %j', async (rights, refused) => {
    const host = await TestHost.open({ rights });
    await store(host.store, await segment(nameOf(1)));
    const { session } = await connect(host);
    const form = await segment(nameOf(2));
    const requests: Record<string, () => Promise<unknown>> = {
      get: async () => {
        const arriving = await getFile(session, { name: nameOf(1) });
        if (arriving.kind === 'found') for await (const _piece of arriving.chunks);
      },
      list: () => listNewestNames(session, 10),
      put: () => putFile(session, headerOf(form), bodyOf(form)),
      'forwarded put': () => putFile(session, headerOf(form, { forwarded: true }), bodyOf(form)),
    };
    for (const [what, request] of Object.entries(requests)) {
      if (refused.includes(what)) await failureFrom('not_allowed', request);
      else await request();
    }
  });

  test('with no right refuses even to be probed', async () => {
    const host = await TestHost.open({ rights: [] });
    await failureFrom('not_allowed', probeHost((await connect(host)).session));
  });

  test('that is probed tries what a put needs and leaves nothing', async () => {
    const host = await TestHost.open();
    const probed = await probeHost((await connect(host)).session);
    expect(probed.freeBytes).toBeGreaterThan(0);
    expect(probed.debts).toBe(0);
    expect(readdirSync(host.directory.walDirectory)).toEqual([]);
  });

  test('lists its newest names, histories before the segments of their timeline', async () => {
    const host = await TestHost.open({ rights: ['sync'], directory: clusterDirectory() });
    for (const number of [1, 2, 3]) await store(host.store, await segment(nameOf(number)));
    const { session } = await connect(host);
    expect(await listNewestNames(session, 2)).toEqual([nameOf(2), nameOf(3)]);
    expect(await listNewestNames(session, 0)).toEqual([]);
    expect(await listNewestNames(session, 2 ** 40)).toHaveLength(3);
  });
});
